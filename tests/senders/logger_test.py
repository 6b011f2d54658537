"""util-linux `logger` as a sender, in every way it can send over a network."""

import socket

import pytest
from kept import arrived, counted, events, now, proved, sentences
from programs import installed
from running import once, until

from bench.house import House

pytestmark = pytest.mark.slow
AMOUNT = 300
HOST = socket.gethostname()


def send(house: House, sent: list[str], *options: str) -> None:
    logger = installed("logger", "bsdutils")
    given = "".join(f"{line}\n" for line in sent).encode()
    where = ("--server", "127.0.0.1", "--port", str(house.syslog), "--tag", "dvc-app", "--priority", "local3.warning")
    once(logger, *where, *options, given=given)


@pytest.mark.parametrize("framing", [(), ("--octet-count",)], ids=["lines", "counted"])
@pytest.mark.parametrize("dialect", ["--rfc3164", "--rfc5424"])
def test_tcp(house: House, dialect: str, framing: tuple[str, ...]) -> None:
    """Over TCP every line is stored once and intact, in both dialects, octet-counted or one a line."""
    sent, since = sentences(f"lgtcp{dialect[-4:]}{len(framing)}", AMOUNT), now()
    send(house, sent, "--tcp", dialect, *framing)
    found = arrived(house, sent[0].split()[0], AMOUNT)
    host = HOST if dialect == "--rfc5424" else HOST.partition(".")[0]
    proved(found, sent, since=since, host=host, program="dvc-app", facility="local3", severity="warning")
    assert {e.source for e in found} == {"tcp"}
    assert [e.fields["message"] for e in found] == sent, "one connection keeps its order"


@pytest.mark.parametrize("dialect", ["--rfc3164", "--rfc5424"])
def test_udp(house: House, dialect: str) -> None:
    """Over UDP every datagram is stored once and intact, or counted as lost."""
    sent, since = sentences(f"lgudp{dialect[-4:]}", AMOUNT), now()
    before = counted(house, "collector_dropped", source="udp")
    send(house, sent, "--udp", dialect)
    word = sent[0].split()[0]
    until(
        "every datagram stored or counted as lost",
        lambda: len(events(house, word)) + counted(house, "collector_dropped", source="udp") - before == AMOUNT,
    )
    found = events(house, word)
    messages = {str(e.fields["message"]) for e in found}
    host = HOST if dialect == "--rfc5424" else HOST.partition(".")[0]
    proved(found, [s for s in sent if s in messages], since=since, host=host, program="dvc-app", facility="local3")
    assert {e.source for e in found} == {"udp"}


def test_structured_data(house: House) -> None:
    """Structured data and message id of RFC 5424 become fields."""
    sent = sentences("lgsd", 1)
    options = ("--msgid", "TIEPNHAN", "--id=4711", "--sd-id", "hoso@32473", "--sd-param", 'ma="HS-2026-0001"')
    send(house, sent, "--tcp", "--rfc5424", *options)
    (event,) = arrived(house, "lgsd", 1)
    assert event.fields["hoso@32473.ma"] == "HS-2026-0001"
    assert (event.fields["pid"], event.fields["msgid"]) == (4711, "TIEPNHAN")


def test_local_log_daemon_is_not_needed(house: House) -> None:
    """`logger` with a server needs no /dev/log: what it sends as sshd is read as sshd."""
    line = "Failed password for invalid user oracle from 203.0.113.9 port 40122 ssh2"
    once(installed("logger", "bsdutils"), "-n", "127.0.0.1", "-P", str(house.syslog), "-T", "-t", "sshd", line)
    (event,) = arrived(house, 'src_ip:"203.0.113.9"', 1)
    assert (event.format, event.logsource.service, event.fields["username"]) == ("sshd", "sshd", "oracle")
