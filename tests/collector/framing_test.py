from hypothesis import given
from hypothesis import strategies as st

from collector.framing import Frame, Framer

pieces = st.lists(
    st.sampled_from(
        [
            b"<13>a b\n",
            b"9 <13>hello",
            b"5 hello",
            b"12 ",
            b"404 not found\n",
            b"\0",
            b"\r\n",
            b"\n",
            b"<1>x\0",
            b"x" * 40,
            b"1234567890 <",
        ]
    )
    | st.binary(max_size=12),
    max_size=40,
).map(b"".join)


def cut(data: bytes, sizes: list[int], limit: int, octets: bool = True) -> tuple[list[Frame], int]:
    framer, frames, at = Framer(limit, octets=octets), [], 0
    for size in sizes:
        frames += framer.feed(data[at : at + size])
        at += size
    frames += framer.feed(data[at:])
    frames += framer.finish()
    return frames, framer.discarded


@given(pieces, st.lists(st.integers(0, 9), max_size=60), st.integers(1, 30), st.booleans())
def test_chunk_boundaries_change_nothing(data: bytes, sizes: list[int], limit: int, octets: bool) -> None:
    """However a stream is cut into chunks, the frames and the count of discarded bytes are the same."""
    assert cut(data, sizes, limit, octets) == cut(data, [], limit, octets)


@given(st.binary(max_size=400), st.lists(st.integers(0, 20), max_size=30), st.integers(1, 20))
def test_junk_never_raises_or_grows(data: bytes, sizes: list[int], limit: int) -> None:
    """Any bytes at all: no exception, no frame beyond the limit, nothing kept beyond limit and a header."""
    framer, at = Framer(limit), 0
    for size in [*sizes, len(data)]:
        for frame in framer.feed(data[at : at + size]):
            assert 0 < len(frame.data) <= limit
        at += size
        assert framer.held <= max(limit + 1, 12)


@given(st.lists(st.binary(min_size=1, max_size=30).map(lambda b: b"<" + b.rstrip(b"\r\n\0") + b">"), max_size=20))
def test_octet_counting_carries_any_bytes(messages: list[bytes]) -> None:
    """RFC 6587 §3.4.1: messages with newlines and NULs inside arrive whole."""
    stream = b"".join(b"%d %s" % (len(m), m) for m in messages)
    assert [f.data for f in Framer().feed(stream)] == messages


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1).map(lambda t: "<13>" + t), max_size=20
    )
)
def test_lines_come_as_sent(lines: list[str]) -> None:
    """RFC 6587 §3.4.2: LF, CR LF and NUL end a line; nothing else changes."""
    for trailer in ("\n", "\r\n", "\0"):
        stream = "".join(line + trailer for line in lines).encode()
        assert [f.data.decode() for f in Framer().feed(stream)] == lines


def test_framings_mix_on_one_connection() -> None:
    """Each frame's start decides: counted and line framing may follow each other."""
    frames = Framer().feed(b"9 <13>first<13>second\n9 <13>third\n<13>fourth\n")
    assert [f.data for f in frames] == [b"<13>first", b"<13>second", b"<13>third", b"<13>fourth"]


def test_a_line_that_begins_with_a_number_is_a_line() -> None:
    """``404 not found`` is not a counted frame; nor are more than ten digits."""
    stream = b"404 not found\n200 ok\n12345678901 <13>x\n0 <13>y\n"
    assert [f.data for f in Framer().feed(stream)] == stream.splitlines()


def test_counted_frames_without_priority() -> None:
    """Once counted, any content may be counted; JSON is taken at the first frame too."""
    assert [f.data for f in Framer().feed(b'7 {"a":1}4 abcd')] == [b'{"a":1}', b"abcd"]


def test_nul_inside_a_line_is_content() -> None:
    """When LF ends the first line, a NUL later is a byte like others."""
    assert [f.data for f in Framer().feed(b"<13>a\n<13>b\0c\n")] == [b"<13>a", b"<13>b\0c"]


def test_long_frames_are_cut_tagged_and_counted() -> None:
    """Beyond the limit: the first ``limit`` bytes with tag ``truncated``, the rest counted, the next frame intact."""
    framer = Framer(8)
    frames = framer.feed(b"<13>5678901234\r\n<13>ok\n12 <13>56789012<13>fin\n<13>5678\r\n")
    assert frames == [
        Frame(b"<13>5678", ("truncated",)),
        Frame(b"<13>ok"),
        Frame(b"<13>5678", ("truncated",)),
        Frame(b"<13>fin"),
        Frame(b"<13>5678"),
    ]
    assert framer.discarded == 7 + 4


def test_end_of_connection() -> None:
    """A last line without newline is whole, a counted frame cut short is tagged ``partial``; then the framer starts anew."""
    framer = Framer()
    assert framer.feed(b"<13>no newline") + framer.finish() == [Frame(b"<13>no newline")]
    assert framer.feed(b"50 <13>cut") + framer.finish() == [Frame(b"<13>cut", ("partial",))]
    assert framer.feed(b"123") + framer.finish() == [Frame(b"123")]
    assert framer.finish() == []


def test_one_byte_at_a_time_is_linear() -> None:
    """A megabyte line sent byte by byte keeps one buffer."""
    framer = Framer(1 << 20)
    for _ in range(100_000):
        assert framer.feed(b"x") == []
    assert [len(f.data) for f in framer.feed(b"\n")] == [100_000]
