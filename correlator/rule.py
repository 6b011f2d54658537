"""Rules as the correlator keeps them: what pySigma understood, reduced to plain frozen values."""

import msgspec

from correlator.predicates import Predicate
from correlator.tree import Node
from model import Level, Micros


class RuleSource(msgspec.Struct, frozen=True):
    """The log source a rule asks for (Sigma 2.1 "Log source"), lower case; an empty part means "any"."""

    product: str = ""
    category: str = ""
    service: str = ""


class Rule(msgspec.Struct, frozen=True):
    """One detection rule. ``file``:``line`` is where its document begins. ``kind`` is always ``detection``.

    ``id`` is the rule's own identifier; a rule without one gets uuid5 of its title and file. ``alerts`` is False when only
    correlations use it (Sigma: a referenced rule stays silent unless a correlation says ``generate: true``).
    ``title_vi`` and ``response`` (what to do: Vietnamese, English) are our own custom attributes; rules of others have none.
    """

    id: str
    title: str
    level: Level
    file: str
    line: int
    name: str = ""
    status: str = ""
    tags: tuple[str, ...] = ()
    description: str = ""
    author: str = ""
    logsource: RuleSource = RuleSource()
    falsepositives: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    kind: str = "detection"
    alerts: bool = True
    title_vi: str = ""
    response: tuple[str, str] = ("", "")


class Correlation(msgspec.Struct, frozen=True):
    """One correlation rule (Sigma correlation rules 2.1).

    ``type`` is ``event_count``, ``value_count``, ``temporal`` or ``temporal_ordered``. ``rules`` are the ids it refers to, in
    its order: of detections or of other correlations. ``timespan`` is in microseconds. ``condition`` is (operator, number) with
    operator one of ``lt lte gt gte eq neq``; for the temporal types without one it is (``gte``, number of rules).
    ``field`` are the fields counted by ``value_count``. ``aliases`` are (alias, ((rule id, field), …)): in events of that rule
    the alias of ``group_by`` is read from that field. ``generate`` is the rule's own setting; ``alerts`` as for ``Rule``.
    """

    id: str
    name: str
    title: str
    level: Level
    type: str
    rules: tuple[str, ...]
    group_by: tuple[str, ...]
    timespan: Micros
    condition: tuple[str, int]
    file: str
    line: int
    field: tuple[str, ...] = ()
    aliases: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    generate: bool = False
    tags: tuple[str, ...] = ()
    description: str = ""
    status: str = ""
    author: str = ""
    falsepositives: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    alerts: bool = True
    title_vi: str = ""
    response: tuple[str, str] = ("", "")


class Refusal(msgspec.Struct, frozen=True):
    """A rule or file that could not be read or cannot run, or (as a warning) that runs although something in it is wrong.

    ``line`` is 1-based, 0 when unknown. ``rule`` is the rule's id when it could be read.
    """

    file: str
    line: int
    message: str
    rule: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


class Database(msgspec.Struct, frozen=True, array_like=True):
    """The patterns of one field: a serialised Hyperscan database, empty without Hyperscan.

    ``checked`` are numbers of patterns that are not in it and that Python tries. Keywords (field ``""``) have one a product that
    rules name, so that an event is not searched for what only concerns others; ``places`` are the predicates in it.
    """

    field: str
    content: bytes
    checked: tuple[int, ...] = ()
    product: str = ""
    places: tuple[int, ...] = ()


class Compiled(msgspec.Struct, frozen=True):
    """Everything a Matcher needs, as plain values. A leaf of ``trees`` (beside ``rules``) is a place in ``predicates``."""

    rules: tuple[Rule, ...] = ()
    trees: tuple[Node, ...] = ()
    predicates: tuple[Predicate, ...] = ()
    databases: tuple[Database, ...] = ()
    correlations: tuple[Correlation, ...] = ()
    refused: tuple[Refusal, ...] = ()
    warnings: tuple[Refusal, ...] = ()
