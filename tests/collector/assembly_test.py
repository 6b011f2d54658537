"""Audit events put together: complete, in bounds, once, whatever the order and however often restarted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.assembly import RECORDS, Assembly, Group
from model import ParseError
from model.moment import SECOND

KINDS = ("SYSCALL", "EXECVE", "CWD", "PATH", "PROCTITLE")


def record(kind: str, serial: int, at: int = 1_795_228_200, node: str = "") -> str:
    return f"{'node=' + node + ' ' if node else ''}type={kind} msg=audit({at}.123:{serial}): x={kind}"


def add(assembly: Assembly, text: str, cursor: str = "c", at: int = 0, source: str = "s") -> list[Group]:
    return assembly.add(source, "peer", at, cursor, text)


def test_the_last_record_completes_the_event() -> None:
    """PROCTITLE closes a group; it has the records in order and the first one's cursor."""
    assembly = Assembly()
    for place, kind in enumerate(KINDS[:-1]):
        assert add(assembly, record(kind, 1), f"c{place}") == []
    (group,) = add(assembly, record("PROCTITLE", 1), "c9")
    assert group.texts == tuple(record(kind, 1) for kind in KINDS)
    assert (group.cursor, group.source, group.peer) == ("c0", "s", "peer")
    assert len(assembly) == 0


def test_end_of_event_completes_and_alone_says_nothing() -> None:
    """EOE closes a group; after PROCTITLE closed it, EOE adds nothing."""
    assembly = Assembly()
    add(assembly, record("SYSCALL", 1))
    (group,) = add(assembly, record("EOE", 1))
    assert len(group.texts) == 2
    assert add(assembly, record("EOE", 1)) == []
    assert len(assembly) == 0


def test_records_of_user_programs_come_straight_back() -> None:
    """USER_LOGIN has no companions and does not wait."""
    (group,) = add(Assembly(), record("USER_LOGIN", 7))
    assert group.texts == (record("USER_LOGIN", 7),)


def test_senders_are_kept_apart() -> None:
    """The same serial of another node or source is another event."""
    assembly = Assembly()
    add(assembly, record("SYSCALL", 1, node="a"))
    add(assembly, record("SYSCALL", 1, node="b"))
    add(assembly, record("SYSCALL", 1), source="other")
    (group,) = add(assembly, record("PROCTITLE", 1, node="b"))
    assert group.texts == (record("SYSCALL", 1, node="b"), record("PROCTITLE", 1, node="b"))
    assert len(assembly) == 2


def test_a_group_does_not_wait_longer_than_patience() -> None:
    """Newer events of the same sender push a group out by event time, the clock by time of receipt."""
    assembly = Assembly(patience=2 * SECOND)
    add(assembly, record("SYSCALL", 1), at=0)
    assert add(assembly, record("SYSCALL", 2, 1_795_228_201)) == []
    (group,) = add(assembly, record("SYSCALL", 3, 1_795_228_202))
    assert group.texts == (record("SYSCALL", 1),)
    assert assembly.tick(2 * SECOND - 1) == []
    assert len(assembly.tick(2 * SECOND)) == 2
    assert len(assembly) == 0


def test_bounds_send_the_oldest_out() -> None:
    """Over the limit the oldest group goes out, and one endless event is cut: nothing is dropped."""
    assembly = Assembly(limit=3)
    out = [group for serial in range(5) for group in add(assembly, record("SYSCALL", serial))]
    assert [group.texts for group in out] == [(record("SYSCALL", 0),), (record("SYSCALL", 1),)]
    endless = Assembly()
    out = [group for _ in range(RECORDS * 2) for group in add(endless, record("PATH", 1))]
    assert [len(group.texts) for group in out] == [RECORDS, RECORDS]


def test_what_is_no_record_is_refused() -> None:
    """Other text is refused and changes nothing."""
    assembly = Assembly()
    with pytest.raises(ParseError):
        add(assembly, "hello")
    assert len(assembly) == 0


def test_a_dump_is_cheap_when_nothing_changed() -> None:
    """The same bytes come back until something changes."""
    assembly = Assembly()
    add(assembly, record("SYSCALL", 1))
    first = assembly.dump()
    assert assembly.dump() is first
    assembly.load(b"")
    assert len(assembly) == 0


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_every_record_comes_out_once(data: st.DataObject) -> None:
    """Interleaved and restarted at any point, all records but lone EOE come out once, each group of one event, in order."""
    serials = data.draw(st.lists(st.integers(0, 4), max_size=30))
    texts = [record(data.draw(st.sampled_from((*KINDS, "USER_AUTH", "LOGIN"))), serial) for serial in serials]
    assembly = Assembly(limit=data.draw(st.integers(1, 6)))
    out: list[Group] = []
    for place, text in enumerate(texts):
        if data.draw(st.booleans()):
            saved = assembly.dump()
            assembly = Assembly(limit=6)
            assembly.load(saved)
        out += assembly.add("s", "p", place, str(place), text)
    out += assembly.flush()
    assert sorted(text for group in out for text in group.texts) == sorted(texts)
    for group in out:
        assert len({text.partition("audit(")[2].partition(")")[0] for text in group.texts}) == 1
        assert texts[int(group.cursor)] == group.texts[0]
