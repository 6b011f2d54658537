"""Truths about understanding records."""

import json
from itertools import count

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backbone.codec import decode_event, encode
from collector.normalize import Normalizer
from collector.parsers import PARSERS
from collector.recipe import Profile
from model import ConfigError, CorruptError, Event, LogSource, RawRecord, System, event_id
from model.moment import DAY, LATEST, SECOND, from_rfc3339

AT = from_rfc3339("2026-11-21T16:30:00+07:00")
ACCESS = '203.0.113.7 - - [21/Nov/2026:16:30:00 +0700] "GET /dvc?id=1 HTTP/1.1" 200 51 "-" "curl/8"'
SYSTEM = System("dvc", 1, "Cổng dịch vụ công", "Portal", "", "", 3, hosts=("dvc-*",), addresses=("10.1.0.0/16",))
_cursor = count()


def record(data: str | bytes, source: str = "s", peer: str = "10.1.2.3", received_at: int = AT + SECOND) -> RawRecord:
    return RawRecord(source, str(next(_cursor)), data if isinstance(data, bytes) else data.encode(), received_at, peer)


def understood(data: str | bytes, peer: str = "10.1.2.3", profile: Profile | None = None) -> Event:
    found = Normalizer({profile.source: profile} if profile else {}, [SYSTEM]).understand(record(data, peer=peer))
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("text", "kind", "logsource", "host", "field", "value"),
    [
        (ACCESS, "nginx_access", LogSource("nginx", ("webserver",), "access"), "10.1.2.3", "sc-status", 200),
        (
            f"<190>Nov 21 16:30:00 dvc-01 nginx: {ACCESS}",
            "nginx_access",
            LogSource("nginx", ("webserver",), "access"),
            "dvc-01",
            "c-ip",
            "203.0.113.7",
        ),
        (
            f"<190>Nov 21 16:30:00 dvc-01 apache2[7]: {ACCESS}",
            "apache_access",
            LogSource("apache", ("webserver",), "access"),
            "dvc-01",
            "pid",
            7,
        ),
        (
            "<38>Nov 21 16:30:00 db01 sshd[1]: Failed password for root from 203.0.113.9 port 22 ssh2",
            "sshd",
            LogSource("linux", (), "sshd"),
            "db01",
            "username",
            "root",
        ),
        (
            "Nov 21 16:30:00 db01 login[1]: pam_unix(login:auth): authentication failure; user=lan",
            "pam",
            LogSource("linux", (), "auth"),
            "db01",
            "program",
            "login",
        ),
        (
            "<78>Nov 21 16:30:00 db01 CRON[8]: (root) CMD (sao lưu)",
            "syslog",
            LogSource("linux", (), "cron"),
            "db01",
            "message",
            "(root) CMD (sao lưu)",
        ),
        (
            "<134>Nov 21 16:30:00 fw CEF:0|Hang|WAF|1|9|Chặn|8|src=203.0.113.9",
            "cef",
            LogSource("hang", (), "waf"),
            "fw",
            "src_ip",
            "203.0.113.9",
        ),
        (
            '<13>1 2026-11-21T16:30:00+07:00 app01 motcua - - - {"buoc":"Tiếp nhận","a":{"b":1}}',
            "json",
            LogSource("linux", (), "syslog"),
            "app01",
            "a.b",
            1,
        ),
        (
            '{"EventID":4625,"Channel":"Security","Computer":"pc1","TargetUserName":"lan"}',
            "windows",
            LogSource("windows", (), "security"),
            "pc1",
            "EventID",
            4625,
        ),
        ("2026/11/21 16:30:00 [error] 1#1: lỗi", "nginx_error", LogSource("nginx", (), "error"), "10.1.2.3", "message", "lỗi"),
        ("không theo khuôn dạng nào", "unparsed", LogSource(), "10.1.2.3", "message", "không theo khuôn dạng nào"),
        ("", "unparsed", LogSource(), "10.1.2.3", "message", ""),
    ],
)
def test_formats_are_recognised(text: str, kind: str, logsource: LogSource, host: str, field: str, value: object) -> None:
    """Without configuration, bare and in envelopes, each format gets its name, log source, host and fields."""
    event = understood(text)
    assert (event.format, event.logsource, event.host) == (kind, logsource, host)
    assert event.fields[field] == value and event.original == text
    assert ("unparsed" in event.tags) == (kind == "unparsed")


def test_the_event_of_a_record() -> None:
    """Id, times, peer and system are decided; the original is as received."""
    sent = record(f"<190>Nov 21 16:30:00 dvc-01 nginx: {ACCESS}", peer="192.0.2.1")
    event = Normalizer({}, [SYSTEM]).understand(sent)[0]
    assert event.id == event_id(sent.source, sent.cursor)
    assert (event.happened_at, event.received_at, event.peer, event.system) == (AT, AT + SECOND, "192.0.2.1", "dvc")


def test_a_profile_decides() -> None:
    """Format, log source, system and host of the profile are used; another format than configured is tagged."""
    source = LogSource("nginx", ("webserver",), "dvc")
    profile = Profile("s", format="apache_access", system="x", logsource=source, host="web01")
    event = understood(ACCESS, peer="/var/log/access.log", profile=profile)
    assert (event.format, event.logsource, event.system, event.host) == ("apache_access", source, "x", "web01")
    event = understood('{"a":1}', profile=profile)
    assert event.format == "json" and "format:unexpected" in event.tags
    assert understood("x", peer="/var/log/x").host == ""


def test_times_are_kept_sane() -> None:
    """Future and very old times are tagged and stay writable; no time means when it came."""
    assert understood('{"ts":"2027-11-21T16:30:00Z"}').tags == ("time:future",)
    assert understood('{"ts":"1980-01-01T00:00:00Z"}').tags == ("time:odd",)
    event = understood('{"ts":"không rõ"}')
    assert event.tags == ("time:received",) and event.happened_at == event.received_at
    assert understood('{"ts":99999999999}').happened_at <= LATEST
    assert understood('{"ts":-9e18}').happened_at > -(2**63)
    assert understood(json.dumps({"ts": (AT + DAY) // SECOND})).tags == ()


def test_legacy_encodings_reach_the_fields_composed() -> None:
    """TCVN3, Windows-1258 and decomposed UTF-8 all give the same NFC text in the fields."""
    for data in (
        b"<13>Nov 21 16:30:00 h a: \xa7\xa8ng nh\xcbp th\xcat b\xb9i",
        "<13>Nov 21 16:30:00 h a: Đăng nhâ\u0323p thâ\u0301t ba\u0323i".encode("cp1258"),
        "<13>Nov 21 16:30:00 h a: Đa\u0306ng nha\u0323\u0302p tha\u0302\u0301t ba\u0323i".encode(),
    ):
        assert understood(data).fields["message"] == "Đăng nhập thất bại"


def test_long_values_are_cut_and_counted_but_the_original_is_whole() -> None:
    """A field holds 65,536 characters; the record stays as received."""
    event = understood("x" * 1_000_000)
    assert len(event.fields["message"]) == 65_536 and len(event.original) == 1_000_000
    assert event.fields["truncated_fields"] == 1 and "field-truncated" in event.tags


def test_w3c_columns_are_per_file_and_survive_a_restart() -> None:
    """A header names the columns of its file only; a restored normalizer still knows them."""
    normalizer = Normalizer({}, [])
    assert normalizer.pending() == b""
    normalizer.understand(record("#Fields: date time c-ip cs-method", peer="/iis/a.log"))
    line = "2026-11-21 09:30:00 203.0.113.7 GET"
    restarted = Normalizer({}, [])
    restarted.restore(normalizer.pending())
    for each in (normalizer, restarted):
        event = each.understand(record(line, peer="/iis/a.log"))[0]
        assert (event.format, event.fields["cs-method"], event.happened_at) == ("w3c", "GET", AT)
        assert each.understand(record(line, peer="/iis/b.log"))[0].format == "unparsed"
    restarted.restore(b"")
    assert restarted.pending() == b""


SYSCALL = (
    "type=SYSCALL msg=audit(1795253400.123:77): arch=c000003e syscall=59 success=yes exit=0 ppid=1 pid=9 uid=33 "
    'comm="sh" exe="/bin/dash"'
)
EXECVE = 'type=EXECVE msg=audit(1795253400.123:77): argc=2 a0="sh" a1="-c"'
PROCTITLE = "type=PROCTITLE msg=audit(1795253400.123:77): proctitle=7368002D63"


@pytest.mark.parametrize("head", ["", "<13>Nov 21 16:30:00 db01 audispd: "])
def test_audit_records_are_joined_over_a_restart(head: str) -> None:
    """Records of one serial become one event when the last came, also after a restart in between, with and without syslog."""
    first, second = Normalizer({}, []), Normalizer({}, [])
    sent = record(head + SYSCALL)
    assert first.understand(sent) == [] and first.understand(record(head + EXECVE)) == []
    second.restore(first.pending())
    (event,) = second.understand(record(head + PROCTITLE))
    assert event.id == event_id("s", sent.cursor) and event.format == "auditd"
    assert event.logsource.service == "auditd" and "process_creation" in event.logsource.categories
    assert event.original == "\n".join((SYSCALL, EXECVE, PROCTITLE))
    assert event.host == ("db01" if head else "10.1.2.3")
    assert second.tick(2**62) == [] and [e.format for e in first.tick(2**62)] == ["auditd"]


def test_damaged_state_is_refused() -> None:
    """A saved state that cannot be read is a CorruptError that says what to do."""
    with pytest.raises(CorruptError, match="checkpoint"):
        Normalizer({}, []).restore(b"{")


@pytest.mark.parametrize("profile", [Profile("s", format="ngnix"), Profile("s", encoding="vni"), Profile("s", zone="Hanoi")])
def test_wrong_profiles_are_refused(profile: Profile) -> None:
    """Unknown names in a profile are the configuration's mistake."""
    with pytest.raises(ConfigError):
        Normalizer({"s": profile}, [])


JUNK = st.binary(max_size=120) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
PREFIX = st.sampled_from(
    (
        *(
            b"",
            b"{",
            b"<13>Nov 21 16:30:00 h sshd[1]: ",
            b"CEF:0|a|b|1|2|n|3|",
            b"LEEF:2.0|a|b|c|d|^|",
            b"type=SYSCALL msg=audit(1.1:1): ",
        ),
        *(
            b'{"EventID":1,"Channel":"x","a":"',
            b"#Fields: a b c",
            b"\xff\xfe",
            b'<13>1 - - - - - [a@b c="',
            ACCESS.encode() + b' "',
            b'a=1 b="',
        ),
        *(
            b"<Event xmlns='x'><System><EventID>1</EventID>",
            b"<13>Nov 21 16:30:00 h postfix/smtpd[1]: ",
            b"<13>Nov 21 16:30:00 h slapd: conn=1 ",
        ),
    )
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(("auto", *PARSERS)), st.lists(st.tuples(PREFIX, JUNK), max_size=4), st.text(max_size=5))
def test_any_bytes_become_encodable_events(kind: str, parts: list[tuple[bytes, bytes]], peer: str) -> None:
    """Whatever the bytes, the format and the peer: no exception, every event is encodable, nothing is lost, size is bounded."""
    normalizer = Normalizer({"s": Profile("s", format=kind)}, [SYSTEM])
    records = [record(head + tail, peer=peer) for head, tail in parts]
    events = [event for each in records for event in normalizer.understand(each)]
    state = normalizer.pending()
    normalizer.restore(state)
    assert normalizer.pending() == state or not state
    events += normalizer.tick(2**62)
    for event in events:
        data = encode(event)
        assert decode_event(data) == event
        assert len(data) <= 40 * sum(map(len, (r.data for r in records))) + 4096
        assert all(
            part is None or isinstance(part, (str, int, float, bool))
            for v in event.fields.values()
            for part in (v if isinstance(v, list) else [v])
        )
    assert {event.id for event in events} <= {event_id("s", each.cursor) for each in records}
    assert kind != "syslog" or len(events) == len(records) or any(b"audit(" in each.data for each in records)


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
TELLTALES = (
    *(
        "EventID",
        "Channel",
        "Computer",
        "Provider_Name",
        "TimeCreated",
        "@timestamp",
        "Event",
        "System",
        "EventData",
        "winlog",
        "host",
    ),
    *(
        "type",
        "realmId",
        "clientId",
        "userId",
        "ipAddress",
        "details",
        "time",
        "ts",
        "app",
        "action",
        "user",
        "ip",
        "dossier",
        "file",
    ),
    *(
        "transaction",
        "messages",
        "request",
        "audit_data",
        "client_ip",
        "apiName",
        "applicationName",
        "timestamp",
        "message",
        "pid",
    ),
    *(
        "error_severity",
        "dbname",
        "remote_host",
        "operationType",
        "resourcePath",
        "hostname",
        "log",
        "truncated_fields",
        "product",
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(TELLTALES), VALUE | st.just("dvc") | st.just(4688), max_size=8))
def test_any_json_object_becomes_an_encodable_event(document: dict[str, object]) -> None:
    """Telltale keys with values of any type break no shape."""
    event = understood(msgspec.json.encode(document))
    assert decode_event(encode(event)) == event and event.format != "unparsed"
