"""YAML with places: plain values, and the line each of them stands on. Bounded, so that no file can eat the machine."""

from pathlib import Path
from typing import Any

import yaml

from model import Problem, ProblemsError

MAX_BYTES = 4 * 1024 * 1024
MAX_NODES = 200_000
MAX_DEPTH = 50
"""Levels of nesting: beyond some ten thousand libyaml would overflow the stack, and with it end the process."""


class Lines:
    """Lines (1-based) of a document's values, found by path: ``("sources", 0, "listen")``."""

    def __init__(self, file: str, root: yaml.Node | None) -> None:
        self.file = file
        self._root = root

    def of(self, path: tuple[str | int, ...], *, key: bool = False) -> int:
        """Line of the value at ``path`` (of its key with ``key``); of the nearest place above it when there is none."""
        node, line = self._root, 1
        for step in path:
            found = _step(node, step)
            if found is None:
                continue
            name, node = found
            line = (name if key and name is not None else node).start_mark.line + 1
        return line

    def has(self, path: tuple[str | int, ...], step: str | int) -> bool:
        """Whether ``step`` of ``path`` stands in the document (a union's tag does not)."""
        node = self._root
        for this in path:
            found = _step(node, this)
            if this == step:
                return found is not None
            node = found[1] if found else node
        return False


def _step(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node | None, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if isinstance(name, yaml.ScalarNode) and name.value == str(step):
                return name, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return None, node.value[step]
    return None


def read(path: Path) -> tuple[Any, Lines]:
    """The document in ``path`` and its lines. ProblemsError: missing, too large, not YAML, or a bomb of aliases."""
    file = str(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        raise ProblemsError(
            [Problem(file, 0, reason, "name another one with --config" if path.suffix == ".yml" else "")]
        ) from None
    if len(content) > MAX_BYTES:
        raise ProblemsError([Problem(file, 0, f"is larger than {MAX_BYTES // 2**20} MiB")])
    try:
        _check_depth(content)
        root = yaml.compose(content, Loader=yaml.CSafeLoader)
        if root is not None and _size(root, MAX_NODES) >= MAX_NODES:
            raise ProblemsError([Problem(file, 1, "expands to too many values", "remove repeated aliases")])
        if doubled := [Problem(file, line, f"`{name}` stands here a second time") for name, line in _doubled(root)]:
            raise ProblemsError(doubled)
        return yaml.load(content, Loader=yaml.CSafeLoader), Lines(file, root)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ProblemsError([Problem(file, line, f"is not YAML: {error.problem or error}")]) from None
    except (yaml.YAMLError, UnicodeError, ValueError, RecursionError) as error:
        raise ProblemsError([Problem(file, 0, f"is not YAML: {str(error).splitlines()[0]}")]) from None


def _check_depth(content: bytes) -> None:
    depth = 0
    for event in yaml.parse(content, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                mark: Any = event.start_mark
                raise yaml.MarkedYAMLError(problem=f"more than {MAX_DEPTH} levels deep", problem_mark=mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _size(root: yaml.Node, limit: int) -> int:
    """Nodes after aliases are expanded, counted up to ``limit``."""
    seen, todo = 0, [root]
    while todo and seen < limit:
        node = todo.pop()
        seen += 1
        if isinstance(node, yaml.MappingNode):
            todo.extend(part for pair in node.value for part in pair)
        elif isinstance(node, yaml.SequenceNode):
            todo.extend(node.value)
    return seen


def _doubled(root: yaml.Node | None) -> list[tuple[str, int]]:
    """Keys that stand twice in one mapping, with their lines: YAML would silently keep the last."""
    found, done, todo = [], set[int](), [root] if root else []
    while todo:
        node = todo.pop()
        if id(node) in done:
            continue
        done.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            names = set[str]()
            for name, value in node.value:
                if isinstance(name, yaml.ScalarNode) and name.value in names:
                    found.append((name.value, name.start_mark.line + 1))
                names.add(str(name.value))
                todo.append(value)
    return sorted(found, key=lambda pair: pair[1])
