"""What the query language reads, refuses and means."""

import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backbone.query import And, Exists, Moments, Numbers, Or, Pattern, Term, Wild, fits, fold, holds, names, parse, resolve
from model import Event, LogSource, QueryError
from model.moment import DAY, HOUR, MINUTE, SECOND, from_rfc3339

EVENT = Event(
    id="0" * 32,
    source="cổng",
    happened_at=from_rfc3339("2026-11-21T02:30:00Z"),
    received_at=from_rfc3339("2026-11-21T02:31:00Z"),
    original=r'{"user":"Nguy\u1ec5n An","path":"\/hồ-sơ\/1","cmd":"C:\\Users\\an"}',
    format="portal",
    logsource=LogSource("dvc", ("webserver", "web"), "application"),
    system="dvc",
    host="WEB-01",
    peer="10.0.0.1",
    fields={
        "user": "Nguyễn An",
        "c-ip": "203.0.113.5",
        "path": "/hồ-sơ/1",
        "cmd": r"C:\Users\an",
        "sc-status": 404,
        "ok": True,
        "ratio": 0.5,
        "none": None,
        "list": ["Đỏ", 7, None],
        "host": "inner",
        "a.b": "dotted",
        "c:d": "colon",
        "empty": "",
        "minus": -5,
        "star": "a*b",
    },
    tags=("time:received",),
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "*",
        "*:*",
        "user:nguyễn\\ an",
        'user:"NGUYỄN AN"',
        "USER:nguy*",
        unicodedata.normalize("NFD", 'user:"nguyễn an"'),
        "user.name:*an",
        "source.ip:203.0.113.5",
        "C-IP:203.0.113.*",
        "c-ip:203.?.113.5",
        "sc-status:404",
        "http.response.status_code:[400 TO 499]",
        "sc-status:>403 sc-status:<=404",
        "sc-status:{403 TO 405}",
        "sc-status:[* TO 404]",
        "ok:true",
        "ratio:0.5",
        "ratio:[0.4 TO 0.6]",
        "list:đỏ",
        "list:7",
        "list:>6",
        "host:web-01",
        "host.name:web-01",
        "fields.host:inner",
        "a.b:dotted",
        "c\\:d:colon",
        'empty:""',
        "_exists_:empty",
        "NOT _exists_:none",
        "none:* OR user:*",
        "-_exists_:nothing",
        "minus:-5",
        "minus:[-6 TO -4]",
        "star:a\\*b",
        "star:a*b",
        "category:web",
        "product:DVC service:application",
        "tag:time\\:received",
        "format:portal AND (system:x OR system:dvc)",
        "user:(x OR nguyễn*)",
        "user:[m TO o]",
        "nguyễn",
        '"nguyễn an"',
        "hồ-sơ",
        '"/hồ-sơ/1"',
        r'"C:\Users"',
        "users*an",
        "peer:10.0.0.1 source:cổng",
        "id:" + "0" * 32,
        "happened_at:2026-11-21",
        "@timestamp:[2026-11-21T09:30 TO 2026-11-21T09:30]",
        'happened_at:"21/11/2026 09:30"',
        "happened_at:2026-11-21T02:30:00Z",
        "happened_at:>=2026-11-21T09:30:00",
        "received_at:[2026-11-21T09:31 TO *]",
        "original:*users*",
        "event.original:*nguy*",
    ],
)
def test_holds(text: str) -> None:
    """Each of these finds the sample event, and its negation does not."""
    assert holds(parse(text), EVENT), text
    if text.strip():
        assert not holds(parse(f"NOT ({text})"), EVENT), text


@pytest.mark.parametrize(
    "text",
    [
        "user:nguyễn",
        "user:an",
        "sc-status:40",
        "sc-status:[405 TO *]",
        "sc-status:>404",
        "none:*",
        "_exists_:none",
        "Sc_status:404",
        "system:dv",
        "user:Nguyen*",
        "cmd:>5",
        "star:a\\*",
        "happened_at:2026-11-20",
        "happened_at:>2026-11-21",
        "happened_at:<2026-11-21T09:30",
        "mimikatz",
        "user:x AND user:*",
    ],
)
def test_does_not_hold(text: str) -> None:
    """Each of these leaves the sample event out."""
    assert not holds(parse(text), EVENT), text


@pytest.mark.parametrize(
    ("text", "says", "position"),
    [
        ("(a", "too early", 2),
        ("a AND", "too early", 5),
        ('"abc', "character 1", 0),
        ("src_ip:2001:db8::1", "colon goes in double quotes", 16),
        ("a)", "character 2", 1),
        ("x:/etc/passwd", "regular expression", 2),
        ("a~", "similar", 0),
        ("a^2", "rank", 0),
        ("happened_at:yesterday", "no time", 12),
        ("happened_at:2026-13-01", "no time", 12),
        ("x:(y:z)", "within field x", 3),
        ("_exists_:(a b)", "one field name", 0),
        ("f:" + "?*" * 30, "wildcards", 2),
        ("a\0b", "NUL", 1),
        ("a " * 300, "200 are allowed", 400),
        ("NOT " * 100 + "a", "30 levels", 124),
        ("(" * 1500 + "a" + ")" * 1500, "30 levels", None),
        ("x" * 4001, "4000", None),
    ],
)
def test_refusals_say_what_and_where(text: str, says: str, position: int | None) -> None:
    """A query that cannot be read is answered with one sentence, its place, and mostly an example."""
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert says in str(caught.value)
    assert caught.value.position == position


def test_nodes() -> None:
    """Names resolve to Sigma fields; side by side means AND and binds looser than OR."""
    assert parse("c-ip:1 a:2 OR b:3") == And((Term(resolve("c-ip"), "1"), Or((Term(resolve("a"), "2"), Term(resolve("b"), "3")))))
    assert parse("f:a**?b") == Pattern(resolve("f"), ("a", Wild.ANY, Wild.ONE, "b"))
    assert parse("f:[* TO 5}") == Numbers(resolve("f"), None, 5.0, True, False)
    assert parse("f:[* TO *]") == Exists(resolve("f"))
    assert resolve("user.name").keys[-1] == "user.name"
    assert "source.ip" in names() and "system" in names()


@pytest.mark.parametrize(
    ("text", "since", "width"),
    [
        ("2026-11-21", "2026-11-20T17:00:00Z", DAY),
        ("2026-11-21T10", "2026-11-21T03:00:00Z", HOUR),
        ("2026-11-21T10:05", "2026-11-21T03:05:00Z", MINUTE),
        ("2026-11-21T10:05:06", "2026-11-21T03:05:06Z", SECOND),
        ("2026-11-21T10:05:06.12", "2026-11-21T03:05:06.120Z", 10_000),
        ("2026-11-21T10:05Z", "2026-11-21T10:05:00Z", MINUTE),
        ("1/2/2026", "2026-01-31T17:00:00Z", DAY),
    ],
)
def test_times_name_spans(text: str, since: str, width: int) -> None:
    """A time stands for all of the span it names, in Vietnam's zone when it names none."""
    start = from_rfc3339(since)
    assert parse(f'happened_at:"{text}"') == Moments("happened_at", start, start + width)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet='ab:"()*? \\-+[]TO{}<>=/~^NOTAND', max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but QueryError ever comes out of a query, and what is read can be asked."""
    try:
        node = parse(text)
    except QueryError:
        return
    holds(node, EVENT)


def glob(parts: tuple[str | Wild, ...], text: str) -> bool:
    """The plainest definition of a pattern."""
    if not parts:
        return not text
    head, rest = parts[0], parts[1:]
    if head is Wild.ANY:
        return any(glob(rest, text[n:]) for n in range(len(text) + 1))
    if head is Wild.ONE:
        return bool(text) and glob(rest, text[1:])
    return text.startswith(str(head)) and glob(rest, text[len(str(head)) :])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b", "ab", Wild.ANY, Wild.ONE]), max_size=6).map(tuple),
    st.text(alphabet="ab", max_size=8),
)
def test_fits_is_the_plain_definition(parts: Any, text: str) -> None:
    """The fast pattern test agrees with the recursive definition."""
    assert fits(parts, text) == glob(parts, text)


def test_fits_has_no_bad_case() -> None:
    """A pattern made to go back and forth over a long text ends at once."""
    parts: tuple[str | Wild, ...] = (Wild.ANY, *("a", Wild.ONE, Wild.ANY) * 6, "b")
    assert not fits(parts, "a" * 100_000)


def test_fold_is_one_to_one() -> None:
    """Folding a composed letter gives one letter, for every letter there is; so that a store can do the same."""
    for code in range(sys.maxunicode + 1):
        if 0xD800 <= code < 0xE000:
            continue
        letter = unicodedata.normalize("NFC", chr(code))
        assert len(fold(letter)) == len(letter), hex(code)
