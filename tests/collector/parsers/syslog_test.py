"""Truths about telling the two kinds of syslog apart."""

from collector.parsers.syslog import parse
from collector.recipe import Context

CONTEXT = Context(1_795_253_400_000_000)


def test_each_kind_is_read_by_its_rules() -> None:
    """Version 1 after the priority is RFC 5424, everything else BSD."""
    assert parse("<34>1 - h a 7 ID -", CONTEXT).fields["msgid"] == "ID"
    assert parse("<34>Nov 21 16:30:00 h a: m", CONTEXT).program == "a"


def test_a_number_is_not_always_a_version() -> None:
    """A BSD message that begins with ``1 `` is still a message."""
    assert parse("<34>1 tệp bị xoá", CONTEXT).message == "1 tệp bị xoá"
