"""RawRecord → Event: decoded, parsed, named, placed. Pure and deterministic: a replay gives the same events.

Way of a record: bytes → text (``encoding``) → the source's format if it has one, else what it looks like (``sniff``) → envelopes
opened → audit records held until their event is whole (``assembly``) → fields cleaned → time, host, log source, system decided.

What no parser takes is an event of format ``unparsed`` with the tag ``unparsed`` and the whole text as ``message``. Other tags:

    encoding:…         the bytes were not UTF-8                time:received  it names no time
    field-truncated    values were cut (``truncated_fields``)  time:future    more than a day later than received
    format:unexpected  not the format its source is set to     time:odd       before 1990

State (columns of W3C files, halves of audit events) is bounded, and survives a restart through ``pending`` and ``restore``.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from collector.assembly import Assembly, Group
from collector.cleaning import clean
from collector.cleaning import text as clean_text
from collector.encoding import ENCODINGS, decode
from collector.parsers import PARSERS, auditd, w3c
from collector.parsers.times import zone_of
from collector.recipe import Context, Parsed, Profile
from collector.register import Register
from collector.sniff import opened, read_as, sniffed
from model import ConfigError, CorruptError, Event, LogSource, Micros, ParseError, RawRecord, System, event_id
from model.moment import DAY, LATEST

FILES: Final = 4096
"""W3C files whose columns are remembered; the one unused longest is forgotten and learned again at its next header."""
ODD_BEFORE: Final[Micros] = 631_152_000_000_000
"""1990-01-01: older times come from machines that have lost theirs."""
EARLIEST: Final[Micros] = -62_135_596_800_000_000
HOST: Final = 255
WORD: Final = 64
"""Longest host name and longest word of a log source, in characters: both may be a stranger's choice (CEF)."""
_AUDITED: Final = frozenset(("auto", "auditd", "syslog", "rfc3164", "rfc5424"))
_AUDIT: Final = ("type=", "node=")
_NOTHING: Final = msgspec.Raw(b"{}")


class _State(msgspec.Struct, omit_defaults=True):
    columns: list[tuple[str, str, tuple[str, ...]]] = []
    assembly: msgspec.Raw = _NOTHING


class Normalizer:
    """Understands records. One a collector; not shared between threads.

    ConfigError when a profile names a format, encoding or zone that does not exist, or a system a network that is none.
    """

    def __init__(self, profiles: Mapping[str, Profile], systems: Sequence[System]) -> None:
        for profile in profiles.values():
            _check(profile)
        self._profiles = dict(profiles)
        self._register = Register(systems)
        self._assembly = Assembly()
        self._columns: OrderedDict[tuple[str, str], tuple[str, ...]] = OrderedDict()
        self._saved: tuple[bytes, bytes] | None = None

    def understand(self, record: RawRecord) -> list[Event]:
        """The events of ``record``: mostly one; none while an audit event waits for the rest of it. Never raises for content."""
        profile = self._profiles.get(record.source) or Profile(record.source)
        text, tags = decode(record.data, profile.encoding)
        peer = clean_text(record.peer)
        context = Context(record.received_at, profile.zone, peer)
        if text.find("audit(", 0, 1024) >= 0 and profile.format in _AUDITED:
            groups = self._assembled(text, record, context, tags)
            if groups is not None:
                return [self._whole(group) for group in groups]
        parsed = self._parse(text, record.source, profile, context)
        return [self._event(text, record.source, record.cursor, profile, context, parsed, record.tags + tags)]

    def tick(self, now: Micros) -> list[Event]:
        """Audit events that waited too long for their other records; all of them when ``now`` is far in the future."""
        return [self._whole(group) for group in self._assembly.tick(now)] if len(self._assembly) else []

    def pending(self) -> bytes:
        """What is held, for ``restore`` after a restart; empty when nothing is. Cheap when nothing changed."""
        if not self._columns and not len(self._assembly):
            return b""
        held = self._assembly.dump()
        if self._saved is None or self._saved[0] is not held:
            columns = [(source, peer, names) for (source, peer), names in self._columns.items()]
            self._saved = held, msgspec.json.encode(_State(columns, msgspec.Raw(held)))
        return self._saved[1]

    def restore(self, saved: bytes) -> None:
        """Hold exactly what ``pending`` gave, nothing for empty bytes. CorruptError when they are damaged."""
        try:
            state = msgspec.json.decode(saved, type=_State) if saved else _State()
            self._assembly.load(bytes(state.assembly))
        except msgspec.DecodeError as error:
            raise CorruptError(f"The saved half-read records cannot be read ({error}); remove checkpoint 'assembly'.") from error
        self._columns = OrderedDict(((source, peer), names) for source, peer, names in state.columns)
        self._saved = None

    def _assembled(self, text: str, record: RawRecord, context: Context, tags: tuple[str, ...]) -> list[Group] | None:
        """Audit events that are whole now that ``text`` came; None when it is no audit record."""
        host = ""
        if not text.startswith(_AUDIT):
            envelope = read_as("syslog", text, context)
            if envelope is None or envelope.message is None or not envelope.message.startswith(_AUDIT):
                return None
            text, host = envelope.message, envelope.host
        try:
            return self._assembly.add(
                record.source, context.peer, record.received_at, record.cursor, text, clean_text(host[:HOST]), record.tags + tags
            )
        except ParseError:
            return None

    def _whole(self, group: Group) -> Event:
        """The event of a group of audit records; ``original`` is the records without syslog headers, a line each."""
        profile = self._profiles.get(group.source) or Profile(group.source)
        context = Context(group.received_at, profile.zone, group.peer)
        text = "\n".join(group.texts)
        try:
            parsed = auditd.parse_group(group.texts, context)
        except ParseError:
            parsed = _unparsed(text)
        if not parsed.host:
            parsed = msgspec.structs.replace(parsed, host=group.host)
        return self._event(text, group.source, group.cursor, profile, context, parsed, group.tags)

    def _parse(self, text: str, source: str, profile: Profile, context: Context) -> Parsed:
        wanted = profile.format
        if (self._columns or text[:1] == "#") and wanted in {"auto", "w3c"}:
            found = self._w3c(text, (source, context.peer))
            if found is not None:
                return found
        parsed = read_as(wanted, text, context) if wanted != "auto" else None
        if parsed is None:
            parsed = sniffed(text, context)
            if parsed is None:
                return _unparsed(text)
            if wanted != "auto":
                parsed = msgspec.structs.replace(parsed, tags=(*parsed.tags, "format:unexpected"))
        return parsed if parsed.message is None else opened(parsed, context)

    def _w3c(self, text: str, key: tuple[str, str]) -> Parsed | None:
        """A line of a file whose columns are known, or the directive that names them; None for anything else."""
        named = w3c.columns(text)
        if named and self._columns.get(key) != named:
            self._columns[key] = named
            self._saved = None
            if len(self._columns) > FILES:
                self._columns.popitem(last=False)
        names = self._columns.get(key)
        if names is None:
            return None
        self._columns.move_to_end(key)
        try:
            return w3c.parse_line(text, names)
        except ParseError:
            return None

    def _event(
        self,
        text: str,
        source: str,
        cursor: str,
        profile: Profile,
        context: Context,
        parsed: Parsed,
        tags: tuple[str, ...],
    ) -> Event:
        fields, cut = clean(parsed.fields)
        happened_at, odd = _sane(parsed.happened_at, context.received_at)
        tags += parsed.tags + odd
        if cut:
            known = fields.get("truncated_fields", 0)
            fields["truncated_fields"] = cut + (known if isinstance(known, int) else 0)
            tags += ("field-truncated",) if "field-truncated" not in tags else ()
        peer = context.peer
        host = clean_text(parsed.host[:HOST]) or profile.host or (peer if "/" not in peer and "\\" not in peer else "")
        return Event(
            id=event_id(source, cursor),
            source=source,
            happened_at=happened_at,
            received_at=context.received_at,
            original=text,
            format=parsed.format,
            logsource=profile.logsource or _bounded(parsed.logsource),
            system=profile.system or self._register.system(source, host, peer),
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


def _unparsed(text: str) -> Parsed:
    return Parsed(fields={"message": text}, format="unparsed", tags=("unparsed",))


def _sane(at: Micros | None, received_at: Micros) -> tuple[Micros, tuple[str, ...]]:
    """A time every later part can hold, and the tag that says what is odd about it."""
    if at is None:
        return received_at, ("time:received",)
    if at > received_at + DAY:
        return min(at, LATEST), ("time:future",)
    if at < ODD_BEFORE:
        return max(at, EARLIEST), ("time:odd",)
    return at, ()


def _bounded(logsource: LogSource) -> LogSource:
    product, service = logsource.product, logsource.service
    if len(product) <= WORD and len(service) <= WORD and product.isascii() and service.isascii():
        return logsource
    return LogSource(clean_text(product[:WORD]), logsource.categories, clean_text(service[:WORD]))
