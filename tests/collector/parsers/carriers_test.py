"""Truths about JSON that carries other programs' lines."""

import json

import pytest

from collector.normalize import Normalizer
from collector.parsers.carriers import from_document, shape
from collector.recipe import Context
from model import Event, ParseError, RawRecord
from model.moment import from_rfc3339

AT = from_rfc3339("2026-11-21T16:30:00+07:00")
SSHD = "Failed password for root from 203.0.113.9 port 22 ssh2"
ACCESS = '203.0.113.7 - - [21/Nov/2026:16:29:59 +0700] "GET /dvc HTTP/1.1" 200 51'
JOURNAL = {
    "MESSAGE": SSHD,
    "__REALTIME_TIMESTAMP": str(AT),
    "_HOSTNAME": "db01",
    "SYSLOG_IDENTIFIER": "sshd",
    "_PID": "77",
    "PRIORITY": "6",
    "SYSLOG_FACILITY": "10",
    "_SYSTEMD_UNIT": "ssh.service",
}


def understood(document: dict[str, object]) -> Event:
    return Normalizer({}, []).understand(RawRecord("s", "1", json.dumps(document).encode(), AT))[0]


def test_journal() -> None:
    """An entry of the journal is what its program wrote, with the journal's host, time, unit and priority."""
    event = understood(JOURNAL)
    assert (event.format, event.host, event.happened_at, event.logsource.service) == ("sshd", "db01", AT, "sshd")
    expected = {"username": "root", "pid": 77, "unit": "ssh.service", "severity": "info", "facility": "authpriv"}
    assert expected.items() <= event.fields.items()


def test_journal_bytes() -> None:
    """A message written as bytes is text again."""
    event = understood(JOURNAL | {"MESSAGE": list("lỗi đĩa".encode()), "SYSLOG_IDENTIFIER": "smartd"})
    assert event.format == "syslog" and event.fields["message"] == "lỗi đĩa"


def test_docker_and_beats() -> None:
    """The line inside decides format and time; the agent gives the host."""
    event = understood({"log": ACCESS + "\n", "stream": "stdout", "time": "2026-11-21T09:30:00.5Z"})
    assert (event.format, event.happened_at, event.fields["stream"]) == ("nginx_access", AT - 1_000_000, "stdout")
    beat = {"@timestamp": "2026-11-21T09:30:00.000Z", "message": "câu thường", "agent": {"hostname": "web01"}}
    event = understood(beat | {"log": {"file": {"path": "/var/log/x"}}})
    assert (event.format, event.host, event.happened_at) == ("json", "web01", AT)
    assert event.fields == {"message": "câu thường", "path": "/var/log/x"}


@pytest.mark.parametrize("message", [None, 7, {"a": 1}, [300], ["x"]])
def test_lines_that_are_no_text(message: object) -> None:
    """What carries no text is no carrier."""
    for document in (JOURNAL | {"MESSAGE": message}, {"log": message, "stream": "x", "time": "x"}):
        assert shape(document)
        with pytest.raises(ParseError):
            from_document(document, Context(AT))
