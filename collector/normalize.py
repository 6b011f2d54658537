"""RawRecord → Event: decoded, parsed, named, placed. Pure and deterministic: a replay gives the same events.

Way of a record: bytes → text (``encoding``) → the source's format if it has one, else what it looks like (``sniff``) → envelopes
opened up to CARRIED times (syslog in JSON in syslog) → fields cleaned → time, host, log source and system decided.

What no parser takes is an event of format ``unparsed`` with the tag ``unparsed`` and the whole text as ``message``. Other tags:

    encoding:…       the bytes were not UTF-8              time:received   it names no time
    field-truncated  values were cut (``truncated_fields``)  time:future   more than a day later than received
    format:unexpected  not the format its source is set to  time:odd      before 1990

State (columns of W3C files, halves of audit events) is bounded, and survives a restart through ``pending`` and ``restore``.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from collector.cleaning import clean
from collector.cleaning import text as clean_text
from collector.encoding import ENCODINGS, decode
from collector.parsers import PARSERS, w3c
from collector.parsers.times import zone_of
from collector.recipe import Context, Parsed, Profile
from collector.register import Register
from collector.sniff import candidates, format_of
from model import ConfigError, Event, LogSource, Micros, ParseError, RawRecord, System, event_id
from model.moment import DAY, LATEST

CARRIED: Final = 4
FILES: Final = 4096
"""W3C files whose columns are remembered; the one unused longest is forgotten and learned again at its next header."""
ODD_BEFORE: Final[Micros] = 631_152_000_000_000
"""1990-01-01: older times come from machines that have lost theirs."""
HOST: Final = 255
WORD: Final = 64
"""Longest host name and longest word of a log source, in characters: both may be a stranger's choice (CEF)."""
EARLIEST: Final[Micros] = -62_135_596_800_000_000
_NO_SOURCE: Final = LogSource()


class _State(msgspec.Struct):
    columns: list[tuple[str, str, tuple[str, ...]]] = []


class Normalizer:
    """Understands records. One a collector; not shared between threads.

    ConfigError when a profile names a format, encoding or zone that does not exist, or a system a network that is none.
    """

    def __init__(self, profiles: Mapping[str, Profile], systems: Sequence[System]) -> None:
        for profile in profiles.values():
            _check(profile)
        self._profiles = dict(profiles)
        self._register = Register(systems)
        self._columns: OrderedDict[tuple[str, str], tuple[str, ...]] = OrderedDict()
        self._saved: bytes | None = None

    def understand(self, record: RawRecord) -> list[Event]:
        """The events of ``record``: mostly one; none while an audit event waits for the rest of it. Never raises for content."""
        profile = self._profiles.get(record.source) or Profile(record.source)
        text, tags = decode(record.data, profile.encoding)
        context = Context(record.received_at, profile.zone, record.peer)
        parsed = self._parse(text, record, profile, context)
        return [self._event(text, record, profile, parsed, record.tags + tags)]

    def tick(self, now: Micros) -> list[Event]:
        """Events that waited too long for their other records."""
        return []

    def pending(self) -> bytes:
        """What is held, for ``restore`` after a restart. Cheap when nothing changed."""
        if self._saved is None:
            state = _State([(source, peer, names) for (source, peer), names in self._columns.items()])
            self._saved = msgspec.json.encode(state)
        return self._saved

    def restore(self, saved: bytes) -> None:
        """Take up what ``pending`` gave; empty bytes mean nothing is held."""
        state = msgspec.json.decode(saved, type=_State) if saved else _State()
        self._columns = OrderedDict(((source, peer), names) for source, peer, names in state.columns)
        self._saved = saved or None

    def _parse(self, text: str, record: RawRecord, profile: Profile, context: Context) -> Parsed:
        if (self._columns or text[:1] == "#") and profile.format in {"auto", "w3c"}:
            found = self._w3c(text, record)
            if found is not None:
                return found
        parsed, wanted = None, profile.format
        if wanted != "auto":
            parsed = _try(wanted, text, context)
        if parsed is None:
            parsed = _sniffed(text, context, "")
            if parsed is None:
                return Parsed(fields={"message": text}, format="unparsed", tags=("unparsed",))
            if wanted != "auto":
                parsed = msgspec.structs.replace(parsed, tags=(*parsed.tags, "format:unexpected"))
        return parsed if parsed.message is None else _opened(parsed, context)

    def _w3c(self, text: str, record: RawRecord) -> Parsed | None:
        """A line of a file whose columns are known, or the directive that names them; None for anything else."""
        key = record.source, record.peer
        named = w3c.columns(text)
        if named:
            self._columns[key] = named
            if len(self._columns) > FILES:
                self._columns.popitem(last=False)
            self._saved = None
        names = self._columns.get(key)
        if names is None:
            return None
        if not named and len(self._columns) > 1:
            self._columns.move_to_end(key)
        try:
            return w3c.parse_line(text, names)
        except ParseError:
            return None

    def _event(self, text: str, record: RawRecord, profile: Profile, parsed: Parsed, tags: tuple[str, ...]) -> Event:
        received_at = record.received_at
        happened_at = parsed.happened_at
        if parsed.tags:
            tags += parsed.tags
        if happened_at is None:
            happened_at = received_at
            tags += ("time:received",)
        elif happened_at > received_at + DAY:
            happened_at = min(happened_at, LATEST)
            tags += ("time:future",)
        elif happened_at < ODD_BEFORE:
            happened_at = max(happened_at, EARLIEST)
            tags += ("time:odd",)
        fields, cut = clean(parsed.fields)
        if cut:
            fields["truncated_fields"] = cut + fields.get("truncated_fields", 0)
            tags += ("field-truncated",) if "field-truncated" not in tags else ()
        peer = clean_text(record.peer)
        host = clean_text(parsed.host[:HOST]) or profile.host or (peer if "/" not in peer and "\\" not in peer else "")
        return Event(
            id=event_id(record.source, record.cursor),
            source=record.source,
            happened_at=happened_at,
            received_at=received_at,
            original=text,
            format=parsed.format,
            logsource=profile.logsource or _bounded(parsed.logsource),
            system=profile.system or self._register.system(record.source, host, peer),
            host=host,
            peer=peer,
            fields=fields,
            tags=tags,
        )


def _check(profile: Profile) -> None:
    if profile.format != "auto" and profile.format not in PARSERS:
        known = ", ".join(sorted(PARSERS))
        raise ConfigError(f"source {profile.source}: no format is called {profile.format!r}; use auto or one of {known}")
    if profile.encoding not in ENCODINGS:
        raise ConfigError(f"source {profile.source}: no encoding is called {profile.encoding!r}; use {', '.join(ENCODINGS)}")
    zone_of(profile.zone)


def _bounded(logsource: LogSource) -> LogSource:
    product, service = logsource.product, logsource.service
    if len(product) <= WORD and len(service) <= WORD and product.isascii() and service.isascii():
        return logsource
    return LogSource(clean_text(product[:WORD]), logsource.categories, clean_text(service[:WORD]))


def _try(name: str, text: str, context: Context) -> Parsed | None:
    try:
        return PARSERS[name](text, context)
    except ParseError:
        return None


def _sniffed(text: str, context: Context, program: str) -> Parsed | None:
    """What ``program``'s format or the look of ``text`` makes of it; None when nothing does."""
    known = format_of(program) if program else ""
    if known:
        parsed = _try(known, text, context)
        if parsed is not None:
            return parsed
    for name in candidates(text):
        if name != known:
            parsed = _try(name, text, context)
            if parsed is not None:
                return parsed
    return None


def _opened(outer: Parsed, context: Context) -> Parsed:
    """An envelope with what it carries: the inner names win, the envelope gives what the inside does not say."""
    for _ in range(CARRIED):
        if outer.message is None:
            break
        inside = Context(context.received_at, context.zone, context.peer, outer.program)
        inner = _sniffed(outer.message, inside, outer.program)
        if inner is None:
            break
        fields = outer.fields
        fields.update(inner.fields)
        outer = Parsed(
            fields=fields,
            happened_at=outer.happened_at if inner.happened_at is None else inner.happened_at,
            host=inner.host or outer.host,
            logsource=inner.logsource if inner.logsource != _NO_SOURCE else outer.logsource,
            format=inner.format,
            tags=outer.tags + inner.tags,
            program=inner.program or outer.program,
            message=inner.message,
        )
    return outer
