"""Rule files → pySigma's rules. A broken one never stops the others: it becomes a Refusal with its file and line."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError, SigmaValueError
from sigma.filters import SigmaFilter
from sigma.modifiers import (
    SigmaContainsModifier,
    SigmaEndswithModifier,
    SigmaStartswithModifier,
    SigmaValueModifier,
    modifier_mapping,
)
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaRule, SigmaRuleBase
from sigma.types import Placeholder, SigmaExpansion, SigmaFieldReference, SigmaNumber, SigmaRegularExpression, SigmaString

from correlator.rule import Refusal
from correlator.rulefiles import Document, documents, files

__all__ = ["Loaded", "files", "load"]

_ABOUT: Final = """
    Identifier Related Level Status Date Modified Description References Author Tag Tags Fields FalsePositives License Scope
    Taxonomy Name Title
"""
_MILD: Final = frozenset(f"Sigma{name}Error" for name in _ABOUT.split())
"""Errors in what only describes a rule: it still runs, with a warning."""


class Loaded:
    """What was read: ``rules``, ``correlations`` and ``filters`` with their documents, ``refused``, ``warnings``."""

    def __init__(self) -> None:
        self.rules: list[tuple[SigmaRule, Document, str]] = []
        self.correlations: list[tuple[SigmaCorrelationRule, Document, str]] = []
        self.filters: list[tuple[SigmaFilter, Document]] = []
        self.refused: list[Refusal] = []
        self.warnings: list[Refusal] = []


def load(
    contents: Iterable[tuple[str, bytes | Refusal]],
    placeholders: Mapping[str, Sequence[str]] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Loaded:
    """Read rules, correlations and filters. ``placeholders`` are the values of ``%name%`` under ``expand``."""
    loaded = Loaded()
    listed = list(contents)
    for number, (file, content) in enumerate(listed):
        if progress is not None and number % 50 == 0:
            progress("load", number, len(listed))
        if isinstance(content, Refusal):
            loaded.refused.append(content)
            continue
        _load_file(loaded, file, content)
    for rule, _, _ in loaded.rules:
        _expand(rule, placeholders or {})
    for one, document in loaded.filters:
        _apply(loaded, one, document)
    return loaded


def _load_file(loaded: Loaded, file: str, content: bytes) -> None:
    shared: dict[str, Any] = {}
    before: dict[str, Any] = {}
    for document in documents(file, content):
        if isinstance(document, Refusal):
            loaded.refused.append(document)
            continue
        action = document.content.pop("action", None)
        if action == "global":
            shared = before = document.content
        elif action == "reset":
            shared = {}
        elif action is None or action == "repeat":
            if "correlation" not in document.content and "filter" not in document.content:
                document.content = _merge(before if action else shared, document.content)
                before = document.content
            _load_document(loaded, document)
        else:
            loaded.refused.append(Refusal(file, document.line_of("action"), f"action {action!r} is not known: leave it out"))


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _load_document(loaded: Loaded, document: Document) -> None:
    content = document.content
    kind = SigmaCorrelationRule if "correlation" in content else SigmaFilter if "filter" in content else SigmaRule
    identity = _identity(document)
    try:
        rule: SigmaRuleBase = kind.from_dict(dict(content), collect_errors=True)
    except (SigmaError, ValueError, TypeError, AttributeError, KeyError, LookupError, RecursionError, OverflowError) as error:
        loaded.refused.append(Refusal(document.file, document.line, _sentence(error), identity))
        return
    fatal = [e for e in rule.errors if type(e).__name__ not in _MILD]
    for mild in rule.errors:
        if type(mild).__name__ in _MILD:
            loaded.warnings.append(Refusal(document.file, _line(document, mild), _sentence(mild), identity))
    if fatal:
        loaded.refused.append(Refusal(document.file, _line(document, fatal[0]), _sentence(fatal[0]), identity))
    elif isinstance(rule, SigmaRule):
        loaded.rules.append((rule, document, identity))
    elif isinstance(rule, SigmaCorrelationRule):
        loaded.correlations.append((rule, document, identity))
    elif isinstance(rule, SigmaFilter):
        loaded.filters.append((rule, document))


def _identity(document: Document) -> str:
    own = document.content.get("id")
    if isinstance(own, str) and 0 < len(own) <= 200:
        return own.lower()
    return str(uuid5(NAMESPACE_URL, f"{document.content.get('title')}\0{Path(document.file).name}\0{document.line}"))


def _sentence(error: Exception) -> str:
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error).split("\n", 1)[0].strip()
    return (text or type(error).__name__)[:500]


def _line(document: Document, error: Exception) -> int:
    name = type(error).__name__
    for word, key in (
        ("Logsource", "logsource"),
        ("Correlation", "correlation"),
        ("Timespan", "correlation"),
        ("Filter", "filter"),
    ):
        if word in name:
            return document.line_of(key)
    if name.removeprefix("Sigma").removesuffix("Error").lower() in document.content:
        return document.line_of(name.removeprefix("Sigma").removesuffix("Error").lower())
    if "Condition" in name:
        return document.line_of("detection", "condition")
    return _blame(document) or document.line_of("detection")


def _apply(loaded: Loaded, one: SigmaFilter, document: Document) -> None:
    for place, (rule, where, identity) in enumerate(loaded.rules):
        try:
            filtered = one.apply_on_rule(rule)
            if isinstance(filtered, SigmaRule):
                loaded.rules[place] = (filtered, where, identity)
        except (SigmaError, ValueError, TypeError) as error:
            loaded.refused.append(Refusal(document.file, document.line, f"filter cannot be applied: {_sentence(error)}"))
            return


def _blame(document: Document) -> int:
    """Line of the first detection, or key of it, that pySigma does not take; 0 when it takes all."""
    detection = document.content.get("detection")
    for name, definition in detection.items() if isinstance(detection, dict) else ():
        if name != "condition" and not _takes(SigmaDetection.from_definition, definition):
            return _blame_in(document, ("detection", name), definition)
    return 0


def _blame_in(document: Document, path: tuple[str | int, ...], definition: Any) -> int:
    pairs = definition.items() if isinstance(definition, dict) else enumerate(definition) if isinstance(definition, list) else ()
    for key, value in pairs:
        if isinstance(definition, list):
            if isinstance(value, (dict, list)) and not _takes(SigmaDetection.from_definition, value):
                return _blame_in(document, (*path, key), value)
        elif not _takes(SigmaDetectionItem.from_mapping, key, value):
            return document.line_of(*path, key)
    return document.line_of(*path)


def _takes(build: Any, *arguments: Any) -> bool:
    try:
        build(*arguments)
    except (SigmaError, ValueError, TypeError, AttributeError, LookupError, RecursionError):
        return False
    return True


def _expand(rule: SigmaRule, placeholders: Mapping[str, Sequence[str]]) -> None:
    """Put in the values of ``%name%``. One without values stays, and refuses the rule when it is compiled."""

    def values(found: Placeholder) -> Iterator[Any]:
        known = placeholders.get(found.name)
        yield from (SigmaString(str(value)) for value in known) if known is not None else (found,)

    def each(value: Any) -> list[Any]:
        if isinstance(value, SigmaExpansion):
            return [SigmaExpansion([inner for one in value.values for inner in each(one)])]
        if isinstance(value, (SigmaString, SigmaRegularExpression)) and value.contains_placeholder():
            return list(value.replace_placeholders(values))
        return [value]

    def walk(detection: SigmaDetection) -> None:
        for item in detection.detection_items:
            if isinstance(item, SigmaDetection):
                walk(item)
            else:
                item.value = [inner for value in item.value for inner in each(value)]

    for detection in rule.detection.detections.values():
        walk(detection)


# Encodings work on bytes. pySigma's count characters, escape stars inside base64 and refuse letters beyond ASCII, so that
# Vietnamese text could not be looked for; these keep bytes that are no UTF-8 as surrogates until base64 takes them.


def _bytes(value: SigmaString) -> bytes:
    if value.contains_special() or value.contains_placeholder():
        raise SigmaValueError("text with wildcards or placeholders has no base64")
    return "".join(str(part) for part in value.s).encode("utf-8", "surrogateescape")


def _encoded(value: SigmaString, encoding: str, mark: bytes = b"") -> SigmaString:
    made = SigmaString()
    made.s = [p.encode(encoding).decode("utf-8", "surrogateescape") if isinstance(p, str) else p for p in value.s]
    if mark:
        made.s.insert(0, mark.decode("utf-8", "surrogateescape"))
    return made


class _Base64(SigmaValueModifier[SigmaString, SigmaString]):
    def modify(self, val: SigmaString) -> SigmaString:
        return SigmaString(b64encode(_bytes(val)).decode())


class _Base64Offset(SigmaValueModifier[SigmaString, SigmaExpansion]):
    def modify(self, val: SigmaString) -> SigmaExpansion:
        content = _bytes(val)
        cut = (None, -3, -2)
        shifted = [b64encode(b" " * i + content)[(0, 2, 3)[i] : cut[(len(content) + i) % 3]] for i in range(3)]
        return SigmaExpansion([SigmaString(one.decode()) for one in shifted])


class _Utf16LE(SigmaValueModifier[SigmaString, SigmaString]):
    def modify(self, val: SigmaString) -> SigmaString:
        return _encoded(val, "utf-16le")


class _Utf16BE(SigmaValueModifier[SigmaString, SigmaString]):
    def modify(self, val: SigmaString) -> SigmaString:
        return _encoded(val, "utf-16be")


class _Utf16(SigmaValueModifier[SigmaString, SigmaString]):
    def modify(self, val: SigmaString) -> SigmaString:
        return _encoded(val, "utf-16le", b"\xff\xfe")


# A number may stand where text is compared: ``Port|endswith: 443``.

_Text = SigmaString | SigmaRegularExpression | SigmaFieldReference


def _written(value: _Text | SigmaNumber) -> _Text:
    return SigmaString(str(value.number)) if isinstance(value, SigmaNumber) else value


class _Contains(SigmaContainsModifier):
    def modify(self, val: _Text | SigmaNumber) -> _Text:
        return super().modify(_written(val))


class _StartsWith(SigmaStartswithModifier):
    def modify(self, val: _Text | SigmaNumber) -> _Text:
        return super().modify(_written(val))


class _EndsWith(SigmaEndswithModifier):
    def modify(self, val: _Text | SigmaNumber) -> _Text:
        return super().modify(_written(val))


_number: Final = SigmaNumber.__post_init__


def _exact_number(self: SigmaNumber, init_number: Any) -> None:
    """Integers beyond 2**53 stay what they are; pySigma makes floating point of them."""
    if type(init_number) is int:
        self.number = init_number
    else:
        _number(self, init_number)


SigmaNumber.__post_init__ = _exact_number  # type: ignore[method-assign]

modifier_mapping.update(
    {
        "contains": _Contains,
        "startswith": _StartsWith,
        "endswith": _EndsWith,
        "base64": _Base64,
        "base64offset": _Base64Offset,
        "wide": _Utf16LE,
        "utf16le": _Utf16LE,
        "utf16be": _Utf16BE,
        "utf16": _Utf16,
    }
)
