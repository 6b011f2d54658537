"""Truths about BSD syslog as it is written."""

import pytest

from collector.parsers.rfc3164 import parse, source_of
from collector.recipe import Context
from model import LogSource, ParseError
from model.moment import from_rfc3339

AT = from_rfc3339("2026-11-21T16:30:00+07:00")
CONTEXT = Context(AT + 1_000_000)


@pytest.mark.parametrize(
    ("text", "host", "program", "pid", "message"),
    [
        ("<38>Nov 21 16:30:00 máy-chủ-01 sshd[4711]: Đăng nhập lỗi", "máy-chủ-01", "sshd", 4711, "Đăng nhập lỗi"),
        ("Nov 21 16:30:00 db01 CRON[812]: (root) CMD (/x)", "db01", "CRON", 812, "(root) CMD (/x)"),
        ("2026-11-21T16:30:00+07:00 db01 kernel: [1.2] eth0: up", "db01", "kernel", None, "[1.2] eth0: up"),
        ("<13>2026-11-21 16:30:00 fw1 app: xong", "fw1", "app", None, "xong"),
        ("<13>Nov 21 16:30:00 postfix/smtpd[9]: connect", "", "postfix/smtpd", 9, "connect"),
        ("<13>Nov 21 16:30:00 db01 su root on pts/0", "db01", None, None, "su root on pts/0"),
        ("<134>Nov 21 16:30:00 fw CEF:0|a|b|1|2|n|3|x=1", "fw", None, None, "CEF:0|a|b|1|2|n|3|x=1"),
        ("<134>Nov 21 16:30:00 CEF:0|a|b|1|2|n|3|x=1", "", None, None, "CEF:0|a|b|1|2|n|3|x=1"),
        ('<134>Nov 21 16:30:00 app {"a": 1}', "app", None, None, '{"a": 1}'),
        ("<189>123: *Nov 21 16:30:00.000: %SYS-5-CONFIG_I: Configured", "", "%SYS-5-CONFIG_I", None, "Configured"),
        ("<166>Nov 21 2026 16:30:00 asa01 : %ASA-6-302013: Built", "asa01", "%ASA-6-302013", None, "Built"),
        ("<189>77: Nov 21 09:30:00 UTC: %LINK-3-UPDOWN: down", "", "%LINK-3-UPDOWN", None, "down"),
        ("2026-11-21T16:30:00+07:00 INFO Khởi động", "", None, None, "INFO Khởi động"),
    ],
)
def test_ways_of_writing(text: str, host: str, program: str | None, pid: int | None, message: str) -> None:
    """Time, host, program, pid and message are found however they are arranged."""
    parsed = parse(text, CONTEXT)
    assert parsed.happened_at == AT
    assert (parsed.host, parsed.fields.get("program"), parsed.fields.get("pid")) == (host, program, pid)
    assert parsed.message == parsed.fields["message"] == message


def test_priority_is_named() -> None:
    """<38> is auth.info; without priority there is neither field."""
    fields = parse("<38>Nov 21 16:30:00 h p: m", CONTEXT).fields
    assert (fields["facility"], fields["severity"]) == ("auth", "info")
    assert "severity" not in parse("Nov 21 16:30:00 h p: m", CONTEXT).fields


def test_a_priority_alone_is_enough() -> None:
    """A message without time and host is taken, its time left open."""
    parsed = parse("<13>ứng dụng: hết bộ nhớ", CONTEXT)
    assert parsed.happened_at is None and parsed.host == "" and parsed.message == "ứng dụng: hết bộ nhớ"
    assert parse("<13>sshd[12]: hết", CONTEXT).program == "sshd"


@pytest.mark.parametrize("text", ["", "xin chào", "<192>Nov 21 16:30:00 h p: m", "<>x", "<-1>x", "<1a>x", "{}"])
def test_what_is_not_syslog(text: str) -> None:
    """Neither priority nor time, or an impossible priority: ParseError."""
    with pytest.raises(ParseError):
        parse(text, CONTEXT)


def test_log_source_of_programs() -> None:
    """Known programs have their Sigma service, Cisco its product, all others are syslog."""
    assert source_of("/usr/sbin/CRON") == LogSource(product="linux", service="cron")
    assert source_of("useradd").service == "auth"
    assert source_of("systemd") == LogSource(product="linux", service="syslog")
    assert source_of("%ASA-6-302013") == LogSource(product="cisco", service="asa")
