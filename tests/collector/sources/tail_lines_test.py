from hypothesis import given
from hypothesis import strategies as st

from collector.sources.tail_lines import ANCHOR, Line, Lines

contents = st.lists(
    st.sampled_from([b"a\n", b"\r\n", b"\n", b"long line of text\r\n", b"\xff\0", b"x" * 30]) | st.binary(max_size=8)
).map(b"".join)


def read(content: bytes, sizes: list[int], limit: int) -> tuple[list[Line], Lines]:
    lines, found, at = Lines(limit), [], 0
    for size in [*sizes, len(content)]:
        found += lines.feed(content[at : at + size])
        at = min(len(content), at + size)
        assert lines.at == at
        assert lines.anchor == content[max(0, lines.start - ANCHOR) : lines.start]
        assert lines.recent == content[max(0, at - ANCHOR) : at]
    return found, lines


@given(contents, st.lists(st.integers(0, 9), max_size=40), st.integers(1, 25))
def test_chunk_boundaries_change_nothing(content: bytes, sizes: list[int], limit: int) -> None:
    """However a file is read, lines, offsets, position and the bytes remembered before it are the same."""
    found, lines = read(content, sizes, limit)
    whole, others = read(content, [], limit)
    assert found == whole
    assert (lines.start, lines.flush()) == (others.start, others.flush())


@given(contents, st.integers(1, 25), st.data())
def test_a_position_is_enough_to_go_on(content: bytes, limit: int, data: st.DataObject) -> None:
    """Reading on from any ``start`` gives exactly the rest."""
    cut = data.draw(st.integers(0, len(content)))
    first = Lines(limit)
    found = first.feed(content[:cut])
    second = Lines(limit, first.start, first.anchor)
    found += second.feed(content[first.start :])
    assert found == read(content, [], limit)[0]
    first.rewind()
    first.feed(content[first.start :])
    assert (first.start, first.at) == (second.start, second.at)


@given(contents)
def test_lines_stand_where_their_offsets_say(content: bytes) -> None:
    """Each line is found in the file at its offset; nothing but line ends and empty lines is left out."""
    found, lines = read(content, [], 10_000)
    for offset, data, _ in found:
        assert content[offset : offset + len(data)] == data
    expected = [line.removesuffix(b"\r") for line in content.split(b"\n")[:-1]]
    assert [line.data for line in found] == [line for line in expected if line]
    assert content[lines.start :] == content.split(b"\n")[-1]
