"""Truths about every registered parser."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.parsers import PARSERS, PROGRAMS, SHAPES, SNIFFERS, parse_document
from collector.recipe import Context, Parsed
from model import ParseError

CONTEXT = Context(1_795_253_400_000_000, "Asia/Ho_Chi_Minh", "10.1.2.3")
SAMPLES = (
    "<38>Nov 21 16:30:00 db01 sshd[4711]: Failed password for root from 203.0.113.9 port 50122 ssh2",
    '<165>1 2026-11-21T16:30:00.123+07:00 app01 mot-cua 812 ID47 [ma@1 so="12\\"3" ten="Nguyễn"] Hồ sơ đã tiếp nhận',
    '203.0.113.7 - lan [21/Nov/2026:16:30:00 +0700] "GET /dvc?id=1 HTTP/1.1" 200 5120 "-" "curl/8" "10.0.0.1" 0.012',
    '2026/11/21 16:30:00 [error] 12#12: *5 open() "/x" failed, client: 203.0.113.9, server: dvc, request: "GET /x HTTP/1.1"',
    "[Sat Nov 21 16:30:00.123456 2026] [core:error] [pid 12:tid 13] [client 203.0.113.7:51000] AH00037: liên kết",
    "CEF:0|Hang|WAF|1|100|Chặn|8|src=203.0.113.9 spt=40 cs1Label=Hồ sơ cs1=A B msg=a\\=b rt=1795253400000",
    "LEEF:2.0|Hang|SP|1|77|^|src=203.0.113.9^devTime=1795253400000^usrName=lan",
    "2026-11-21 09:30:00 10.0.0.5 GET /van-ban a=1 443 lan 203.0.113.7 Mozilla/5.0+(X) - 200 0 0 15",
    '{"ts":"2026-11-21T16:30:00Z","a":{"b":[1,{"c":null}]},"ten":"Trần Thị Hương"}',
    'date=2026-11-21 time=16:30:00 devname="fw" action=\'deny\' msg="tu choi"',
    'type=SYSCALL msg=audit(1795253400.123:77): arch=c000003e syscall=59 success=yes a0="x" comm="sh" exe="/bin/dash"',
    "#Fields: date time c-ip cs-method",
)
HOSTILE = (
    *('"', "\\", '\\"', "=", " =", "a=", 'a="', "a='", "|", "[", "]", "] ", "<", ">", "{", '{"a":', "[{", " ", ": ", ","),
    *(", client: 1.1.1.1", " a", "\n", "\x00", "%", "type=", "(", "):", "k=v ", "' ", "<Event>", "ệ", "9", "-", "/", "from "),
)


def attempt(name: str, text: str) -> Parsed | None:
    try:
        return PARSERS[name](text, CONTEXT)
    except ParseError:
        return None


def test_every_name_leads_to_a_parser() -> None:
    """Programs and sniffers name only registered parsers."""
    assert set(PROGRAMS.values()) | {name for _, _, name in SNIFFERS} <= set(PARSERS)
    assert all(name == name.lower() for name in PROGRAMS)


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=200) | st.text(alphabet='<>[]{}"\\=|,: /-+.0123456789aZTt\n', max_size=200))
def test_any_text_gives_a_result_or_a_parse_error(name: str, text: str) -> None:
    """No parser raises anything but ParseError, whatever the text."""
    attempt(name, text)


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_samples_give_a_result_or_a_parse_error(name: str, data: st.DataObject) -> None:
    """A valid line with a piece cut out, doubled or replaced never breaks a parser."""
    text = data.draw(st.sampled_from(SAMPLES))
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, min(len(text), begin + 40)))
    middle = data.draw(st.sampled_from(("", text[begin:end] * 2, '"', "\\", "\x00", "é̂", "99999999999999999999", "=", "]")))
    attempt(name, text[:begin] + middle + text[end:])


@pytest.mark.parametrize("name", PARSERS)
def test_a_megabyte_of_repetition_takes_no_time(name: str) -> None:
    """Hostile repetition of 1 MB, bare and after each sample's head, is parsed or refused in well under a second."""
    heads = [text[: len(text) * 2 // 3] for text in SAMPLES if attempt(name, text) is not None][:1]
    for piece in HOSTILE:
        for head in ("", *heads):
            text = head + piece * (1_000_000 // len(piece))
            begun = time.process_time()
            attempt(name, text)
            took = time.process_time() - begun
            assert took < 1.0, f"{name} took {took:.2f} s on {head[:40]!r} + {piece!r} × n"


@settings(max_examples=200, deadline=None)
@given(
    document=st.dictionaries(
        st.sampled_from(("EventID", "Channel", "Event", "System", "type", "realmId", "ts", "app", "transaction", "winlog", "a"))
        | st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("System", "EventID", "a")), inner),
            max_leaves=8,
        ),
        max_size=8,
    )
)
def test_any_object_is_understood(document: dict[str, Any]) -> None:
    """Whatever JSON object comes, some shape or the flat form takes it."""
    assert isinstance(parse_document(document, CONTEXT), Parsed)


def test_shapes_do_not_claim_an_empty_object() -> None:
    """A shape needs its telltale keys."""
    assert not any(fits({}) for fits, _ in SHAPES)
