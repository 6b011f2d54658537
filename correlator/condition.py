"""A rule's ``condition`` text, read into a small tree of names.

Grammar (Sigma 2.1 "Condition"), least binding first: ``or``, ``and``, ``not``, ``1|any|all of pattern|them``, brackets.
Words are recognised in any case unless the rule has a detection of that very name. pySigma's own reader takes lower case
only, cuts names that begin with ``not``, and recurses without bound; this one gives the same trees for all that it accepts.
"""

import re
from collections.abc import Callable, Collection, Sequence
from fnmatch import translate
from typing import Final

from correlator.tree import All, Node, Not, Some

_TOKEN: Final = re.compile(r"\s*([()]|[^\s()]+)")
_NAME: Final = re.compile(r"[\w*.-]+")
_WORDS: Final = frozenset(("and", "or", "not", "of"))
_DEPTH: Final = 100


class ConditionError(ValueError):
    """A condition is not what the grammar says."""


def read(text: str, names: Collection[str], leaf: Callable[[str], Node]) -> Node:
    """The condition as a tree; ``leaf`` gives the tree of a detection. ConditionError in one sentence."""
    if "|" in text:
        raise ConditionError("the pipe in conditions was replaced by correlation rules: write one")
    tokens = _TOKEN.findall(text)
    reader = _Reader(tokens, names, leaf)
    tree = reader.either(0)
    if reader.place < len(tokens):
        raise ConditionError(f"condition has {tokens[reader.place]!r} where 'and', 'or' or its end is expected")
    return tree


class _Reader:
    def __init__(self, tokens: Sequence[str], names: Collection[str], leaf: Callable[[str], Node]) -> None:
        self.tokens, self.names, self.leaf, self.place = tokens, names, leaf, 0

    def _peek(self, ahead: int = 0) -> str:
        place = self.place + ahead
        return self.tokens[place] if place < len(self.tokens) else ""

    def _is(self, word: str, ahead: int = 0) -> bool:
        token = self._peek(ahead)
        return token == word or (token.lower() == word and token not in self.names)

    def either(self, depth: int) -> Node:
        parts = [self._both(depth)]
        while self._is("or"):
            self.place += 1
            parts.append(self._both(depth))
        return Some(tuple(parts)) if len(parts) > 1 else parts[0]

    def _both(self, depth: int) -> Node:
        parts = [self._unary(depth)]
        while self._is("and"):
            self.place += 1
            parts.append(self._unary(depth))
        return All(tuple(parts)) if len(parts) > 1 else parts[0]

    def _unary(self, depth: int) -> Node:
        if depth > _DEPTH:
            raise ConditionError(f"condition is nested deeper than {_DEPTH} brackets")
        if self._is("not"):
            self.place += 1
            return Not(self._unary(depth + 1))
        if self._peek() == "(":
            self.place += 1
            inner = self.either(depth + 1)
            if self._peek() != ")":
                raise ConditionError("condition lacks a closing bracket")
            self.place += 1
            return inner
        return self._selector() if self._is("of", 1) else self._name()

    def _name(self) -> Node:
        name = self._peek()
        if not name or name == ")" or (name.lower() in _WORDS and name not in self.names):
            raise ConditionError(f"condition has {name or 'its end'!r} where the name of a detection is expected")
        if name not in self.names:
            raise ConditionError(f"condition names {name!r}, but there is no such detection")
        self.place += 1
        return self.leaf(name)

    def _selector(self) -> Node:
        how, pattern = self._peek().lower(), self._peek(2)
        if how not in ("1", "any", "all"):
            raise ConditionError(f"'{how} of' is not known: use '1 of' or 'all of'")
        if not _NAME.fullmatch(pattern):
            raise ConditionError(f"'{how} of' needs a name, a pattern or 'them', not {pattern or 'the end'!r}")
        self.place += 3
        chosen = self._chosen(pattern)
        if not chosen:
            raise ConditionError(f"'{how} of {pattern}' fits no detection")
        parts = tuple(self.leaf(name) for name in chosen)
        return All(parts) if how == "all" else Some(parts)

    def _chosen(self, pattern: str) -> list[str]:
        them = pattern.lower() == "them" and pattern not in self.names
        fits = re.compile(".*" if them else translate(pattern)).fullmatch
        return [name for name in self.names if fits(name) and (pattern.startswith("_") or not name.startswith("_"))]
