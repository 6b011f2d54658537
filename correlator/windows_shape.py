"""What a correlation asks of a window, reduced to one question: does the window that ends here hold? Pure.

Every type looks at matches in the order (event time, place of the rule, event). A window is closed and one timespan long:
``[end - span, end]`` where ``end`` is the time of a match.

- ``event_count``: how many matches are in it;
- ``value_count``: how many distinct values; ``temporal``: how many distinct rules;
- ``temporal_ordered``: how many rules in their order. Matches of one instant count as ordered (syslog has whole seconds).
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from correlator.rule import Correlation
from model import Micros, RuleError

Row = tuple[Micros, int, int, str]
"""(event time, place of the rule in the correlation, event as a number, value counted)."""

Table = list[list[Micros]]
"""``table[n][r]``: latest start of an ordered chain of n + 1 rules that ends in rule r; NEVER when there is none."""

NEVER: Final = -(2**62)
_OPERATORS: Final = ("gte", "gt", "eq", "lte", "lt", "neq")


class Shape(msgspec.Struct, frozen=True):
    """``kind`` is ``count``, ``distinct`` or ``ordered``; ``low`` the smallest number that can hold.

    ``cap`` is how many matches a group keeps, ``rules`` how many rules it looks at. ``mark`` changes when kept state can no
    longer be used.
    """

    kind: str
    span: Micros
    operator: str
    number: int
    low: int
    cap: int
    rules: int
    mark: str

    def holds(self, n: int) -> bool:
        """Whether ``n`` matches, values or rules meet the condition."""
        if self.operator == "gte":
            return n >= self.number
        if self.operator == "gt":
            return n > self.number
        if self.operator == "eq":
            return n == self.number
        if self.operator == "neq":
            return n != self.number
        return n <= self.number if self.operator == "lte" else n < self.number

    def first_end(self, rows: Sequence[Row]) -> int | None:
        """Index of the first of ``rows`` (sorted) at which a window that holds ends; None when there is none."""
        if self.kind == "count":
            return self._first_count(rows)
        return self._first_distinct(rows) if self.kind == "distinct" else self._first_chain(rows)

    def _first_count(self, rows: Sequence[Row]) -> int | None:
        start = 0
        for end, row in enumerate(rows):
            while rows[start][0] < row[0] - self.span:
                start += 1
            if self.holds(end - start + 1):
                return end
        return None

    def _first_distinct(self, rows: Sequence[Row]) -> int | None:
        inside: dict[str, int] = {}
        start = 0
        for end, row in enumerate(rows):
            inside[row[3]] = inside.get(row[3], 0) + 1
            while rows[start][0] < row[0] - self.span:
                value = rows[start][3]
                inside[value] -= 1
                if not inside[value]:
                    del inside[value]
                start += 1
            if self.holds(len(inside)):
                return end
        return None

    def _first_chain(self, rows: Sequence[Row]) -> int | None:
        table = self.table()
        for end, row in enumerate(rows):
            if self.chain(table, row[0], row[1]):
                return end
        return None

    def table(self) -> Table:
        """Nothing seen yet."""
        return [[NEVER] * self.rules for _ in range(self.low)]

    def chain(self, table: Table, at: Micros, rank: int) -> bool:
        """Enter a match (in order) into ``table``; whether it ends a chain of ``low`` rules within one timespan."""
        table[0][rank] = max(table[0][rank], at)
        for n in range(1, min(rank, self.low - 1) + 1):
            table[n][rank] = max(table[n][rank], *table[n - 1][:rank])
        return table[self.low - 1][rank] >= at - self.span


def shape_of(correlation: Correlation, floor: int, most: int) -> Shape:
    """The shape of ``correlation``. ``floor`` and ``most`` bound what is kept of one group, whatever the condition.

    RuleError for a type or operator that does not exist, or a timespan that is not positive.
    """
    kind = {"event_count": "count", "value_count": "distinct", "temporal": "distinct", "temporal_ordered": "ordered"}.get(
        correlation.type
    )
    operator, number = correlation.condition
    if kind is None or operator not in _OPERATORS or correlation.timespan <= 0:
        raise RuleError(
            f"Correlation {correlation.id} ({correlation.type}, {operator}, {correlation.timespan} µs) cannot run: "
            "it needs a type, an operator and a timespan that Sigma 2.1 knows.",
            correlation.file,
            correlation.line,
            correlation.id,
        )
    rules = max(1, len(set(correlation.rules)))
    low = {"gte": max(1, number), "gt": max(1, number + 1), "eq": max(1, number), "neq": 2 if number == 1 else 1}.get(operator, 1)
    if kind == "ordered":
        low, floor = min(low, rules), min(floor, 256)
    cap = max(min(4 * low, most), floor, low + 1)
    return Shape(kind, correlation.timespan, operator, number, low, cap, rules, _mark(correlation))


def _mark(correlation: Correlation) -> str:
    """Changes when kept state of the correlation can no longer be used."""
    parts = (
        correlation.type,
        correlation.rules,
        correlation.group_by,
        correlation.timespan,
        correlation.condition,
        correlation.field,
        correlation.aliases,
    )
    return blake2b(msgspec.json.encode(parts), digest_size=6).hexdigest()
