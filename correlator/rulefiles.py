"""Where rules are found, and the YAML documents in them, each knowing the line of its every key. Nothing of Sigma here.

Paths may be files, folders (searched for ``*.yml`` and ``*.yaml``) or release zips. Skipped without a word: ``*.test.yml``,
hidden folders, and YAML that makes no claim to be a rule. Bounds: 1 MiB a file, 256 MiB a zip, 64 levels, no aliases (YAML
bombs).
"""

import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from correlator.rule import Refusal

MAX_FILE: Final = 1 << 20
MAX_ZIP: Final = 256 << 20
MAX_DEPTH: Final = 64
MAX_NODES: Final = 100_000
_CLAIMS: Final = frozenset(("detection", "correlation", "filter", "title", "logsource"))


class Document:
    """One YAML document of a rule file: its content and where each part of it stands."""

    def __init__(self, file: str, line: int, content: dict[str, Any], node: yaml.MappingNode) -> None:
        self.file, self.line, self.content, self.node = file, line, content, node

    def line_of(self, *path: str | int) -> int:
        """Line of a key or of a list's element, as deep as ``path`` can be followed."""
        node: yaml.Node = self.node
        line = self.line
        for key in path:
            if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
                node = node.value[key]
                line = node.start_mark.line + 1
                continue
            pairs = node.value if isinstance(node, yaml.MappingNode) else ()
            found = next(((k, v) for k, v in pairs if k.value == key), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        return line


def files(paths: Sequence[Path]) -> Iterator[tuple[str, bytes | Refusal]]:
    """(name, content) of every rule file, in order. A name inside a zip is ``release.zip/inside/name.yml``."""
    for path in paths:
        if path.is_dir():
            for folder, folders, names in os.walk(path):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                for name in sorted(names):
                    if is_rule_file(name):
                        yield str(Path(folder, name)), _read(Path(folder, name))
        elif path.suffix.lower() == ".zip" and path.is_file():
            yield from _unzip(path)
        elif path.is_file():
            yield str(path), _read(path)
        else:
            yield str(path), Refusal(str(path), 0, "no such file or folder: correct the path in rules.paths")


def is_rule_file(name: str) -> bool:
    """Could a file of this name hold rules? Tests beside rules (``x.test.yml``) and hidden files do not."""
    stem, _, ending = name.rpartition(".")
    return ending.lower() in ("yml", "yaml") and bool(stem) and not stem.endswith(".test") and not name.startswith(".")


def _read(path: Path) -> bytes | Refusal:
    try:
        if path.stat().st_size > MAX_FILE:
            return Refusal(str(path), 0, "file is larger than 1 MiB: a rule file is not; split it")
        return path.read_bytes()
    except OSError as error:
        return Refusal(str(path), 0, f"cannot be read ({error.strerror}): check its permissions")


def _unzip(path: Path) -> Iterator[tuple[str, bytes | Refusal]]:
    room = MAX_ZIP
    try:
        with zipfile.ZipFile(path) as archive:
            for member in sorted(archive.infolist(), key=lambda m: m.filename):
                parts = member.filename.split("/")
                if member.is_dir() or not is_rule_file(parts[-1]) or any(p.startswith(".") for p in parts[:-1]):
                    continue
                name = f"{path}/{member.filename}"
                room -= member.file_size
                if member.file_size > MAX_FILE or room < 0:
                    yield name, Refusal(name, 0, "file is too large (1 MiB a file, 256 MiB a zip): split it")
                    continue
                with archive.open(member) as stream:
                    content = stream.read(MAX_FILE + 1)
                yield name, content if len(content) <= MAX_FILE else Refusal(name, 0, "file is larger than it says")
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        yield str(path), Refusal(str(path), 0, f"zip cannot be read ({error}): download it again")


def documents(file: str, content: bytes) -> Iterator[Document | Refusal]:
    """The rule documents of one file. YAML that makes no claim to be a rule is left out."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield Refusal(file, content[: error.start].count(b"\n") + 1, "text is not UTF-8: save it as UTF-8")
        return
    try:
        _check_shape(text)
        nodes = list(yaml.compose_all(text, Loader=_Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).split("\n", 1)[0]
        yield Refusal(file, mark.line + 1 if mark else 0, f"YAML cannot be read: {problem}")
        return
    for node in nodes:
        if node is None or not isinstance(node, yaml.MappingNode):
            continue
        line = node.start_mark.line + 1
        try:
            found = _Loader("").construct_document(node)
        except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError) as error:
            mark = getattr(error, "problem_mark", None)
            problem = getattr(error, "problem", None) or str(error).split("\n", 1)[0]
            yield Refusal(file, mark.line + 1 if mark else line, f"YAML cannot be read: {problem}")
            continue
        if _CLAIMS & found.keys() or "action" in found:
            yield Document(file, line, found, node)


def _check_shape(text: str) -> None:
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader)):
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            raise _error("aliases are not taken: write the value out", event.start_mark)
        if depth > MAX_DEPTH or count > MAX_NODES:
            raise _error(f"nested deeper than {MAX_DEPTH} or too many values", event.start_mark)


def _error(problem: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(None, None, problem, mark)


class _Loader(yaml.CSafeLoader):
    """Safe; a key that stands twice in a mapping is an error (as in pySigma); a date is text, as it is in events."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise _error(f"key {key.value!r} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in listed if tag != "tag:yaml.org,2002:timestamp"]
    for first, listed in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
