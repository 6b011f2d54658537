"""Debian's rsyslogd as a sender: a file read by imfile, a local socket, UDP, TCP, TLS; a collector that is away for a while."""

import signal
from pathlib import Path

import pytest
from kept import arrived, counted, events, now, proved, sentences
from programs import Program, installed, rsyslog, rsyslog_tls
from running import Running, once, until

from bench.house import House

pytestmark = pytest.mark.slow
AMOUNT = 500
HOST = "dvc-app01"
FORWARD, SYSLOG = "RSYSLOG_ForwardFormat", "RSYSLOG_SyslogProtocol23Format"


def daemon(program: Program, folder: Path, action: str, top: str = "") -> Running:
    """rsyslogd of its own: reads in.log and a private socket, forwards everything by ``action``."""
    settings = folder / "rsyslog.conf"
    settings.write_text(
        f"""
global(workDirectory="{folder}" localHostname="{HOST}" processInternalMessages="on" {top})
module(load="imfile" mode="inotify")
module(load="imuxsock" SysSock.Use="off")
input(type="imfile" File="{folder}/in.log" Tag="dvc-app:" Facility="local3" Severity="warning")
input(type="imuxsock" Socket="{folder}/log.sock" CreatePath="off")
if $inputname == "rsyslogd" then {{ action(type="omfile" file="{folder}/own.log") stop }}
action({action})
""",
        "utf-8",
    )
    modules = ":".join(map(str, program.plugins))
    return Running(program, ["-n", "-M", modules, "-f", settings, "-i", folder / "rsyslogd.pid"], folder)


def write(folder: Path, sent: list[str]) -> None:
    with (folder / "in.log").open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in sent)


@pytest.mark.parametrize("framing", ["traditional", "octet-counted"])
@pytest.mark.parametrize("template", [FORWARD, SYSLOG])
def test_tcp(house: House, tmp_path: Path, template: str, framing: str) -> None:
    """Lines of a file forwarded over TCP are stored once and intact in both of rsyslog's formats and framings."""
    sent, since = sentences(f"rstcp{template[-8:-6]}{framing[:2]}".lower(), AMOUNT), now()
    action = f'type="omfwd" target="127.0.0.1" port="{house.syslog}" protocol="tcp" template="{template}" TCP_Framing="{framing}"'
    with daemon(rsyslog(), tmp_path, action):
        write(tmp_path, sent)
        found = arrived(house, sent[0].split()[0], AMOUNT)
    proved(found, sent, since=since, host=HOST, program="dvc-app", facility="local3", severity="warning")
    assert {(e.source, e.system) for e in found} == {("tcp", "dvc")}


@pytest.mark.parametrize("template", [FORWARD, SYSLOG])
def test_udp(house: House, tmp_path: Path, template: str) -> None:
    """Forwarded over UDP every line is stored once and intact, or counted as lost."""
    sent, since = sentences(f"rsudp{template[-8:-6]}".lower(), AMOUNT), now()
    before = counted(house, "collector_dropped", source="udp")
    word = sent[0].split()[0]
    action = f'type="omfwd" target="127.0.0.1" port="{house.syslog}" protocol="udp" template="{template}"'
    with daemon(rsyslog(), tmp_path, action):
        write(tmp_path, sent)
        until(
            "every datagram stored or counted as lost",
            lambda: len(events(house, word)) + counted(house, "collector_dropped", source="udp") - before == AMOUNT,
        )
    found = events(house, word)
    messages = {str(e.fields["message"]) for e in found}
    proved(found, [s for s in sent if s in messages], since=since, host=HOST, program="dvc-app")


@pytest.mark.parametrize("driver", ["ossl", "gtls"])
def test_tls(house: House, tmp_path: Path, driver: str) -> None:
    """Over TLS, with the collector's certificate checked by name, every line is stored once and intact."""
    sent, since = sentences(f"rstls{driver}", AMOUNT), now()
    action = f"""type="omfwd" target="127.0.0.1" port="{house.tls}" protocol="tcp" template="{SYSLOG}" TCP_Framing="octet-counted"
        StreamDriver="{driver}" StreamDriverMode="1" StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="localhost" """
    authority = f'defaultNetstreamDriverCAFile="{house.home}/keys/syslog-tls.crt"'
    with daemon(rsyslog_tls(driver), tmp_path, action, authority):
        write(tmp_path, sent)
        found = arrived(house, sent[0].split()[0], AMOUNT)
    proved(found, sent, since=since, host=HOST, program="dvc-app", facility="local3", severity="warning")
    assert {e.source for e in found} == {"tls"}


@pytest.mark.parametrize("driver", ["ossl", "gtls"])
def test_tls_to_a_stranger_sends_nothing(house: House, tmp_path: Path, driver: str) -> None:
    """A collector whose name is not the permitted one gets no line: the check of the documented lines is real."""
    action = f"""type="omfwd" target="127.0.0.1" port="{house.tls}" protocol="tcp" template="{SYSLOG}"
        StreamDriver="{driver}" StreamDriverMode="1" StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="soc.example" """
    authority = f'defaultNetstreamDriverCAFile="{house.home}/keys/syslog-tls.crt"'
    with daemon(rsyslog_tls(driver), tmp_path, action, authority) as sender:
        write(tmp_path, sentences(f"rsstranger{driver}", 5))
        own = tmp_path / "own.log"
        sender.until("rsyslog refuses the certificate", lambda: own.exists() and "not authorized" in own.read_text())
    assert events(house, f"rsstranger{driver}") == []


def test_local_socket(house: House, tmp_path: Path) -> None:
    """What programs of the machine write to rsyslog's socket, `logger` here, arrives with their own tag and priority."""
    sent, since = sentences("rsunix", 50), now()
    action = f'type="omfwd" target="127.0.0.1" port="{house.syslog}" protocol="tcp" template="{FORWARD}"'
    with daemon(rsyslog(), tmp_path, action) as sender:
        socket = tmp_path / "log.sock"
        sender.until("rsyslog's socket", socket.exists)
        given = "".join(f"{line}\n" for line in sent).encode()
        once(installed("logger", "bsdutils"), "-u", socket, "-t", "motcua", "-p", "auth.notice", given=given)
        found = arrived(house, "rsunix", len(sent))
    proved(found, sent, since=since, host=HOST, program="motcua", facility="auth", severity="notice")


def test_collector_away(tmp_path: Path) -> None:
    """With the documented queue lines rsyslog keeps what the collector was not there to take, and sends all of it later.

    It may send twice what its buffer of 16 KiB held when the connection broke: plain TCP has no answer to tell it better.
    """
    first, second, third = (sentences(f"rsaway{n}", AMOUNT) for n in ("one", "two", "three"))
    with House(tmp_path / "house") as house:
        action = f"""type="omfwd" target="127.0.0.1" port="{house.syslog}" protocol="tcp" template="{SYSLOG}"
            TCP_Framing="octet-counted" action.resumeRetryCount="-1" action.resumeInterval="1"
            queue.type="LinkedList" queue.filename="vonggac" queue.maxDiskSpace="1g" queue.saveOnShutdown="on" """
        with daemon(rsyslog(), tmp_path, action):
            write(tmp_path, first)
            arrived(house, "rsawayone", AMOUNT)
            house.kill()
            write(tmp_path, second)
            house.start()
            write(tmp_path, third)
            kept = {str(e.fields["message"]) for e in arrived(house, "rsawaythree", AMOUNT)}
            until("what rsyslog had queued", lambda: len(messages(house, "rsawaytwo")) == AMOUNT)
            kept |= messages(house, "rsawaytwo")
    assert kept == {*second, *third}


def messages(house: House, query: str) -> set[str]:
    return {str(e.fields["message"]) for e in events(house, query)}


def test_stop_in_the_middle(house: House, tmp_path: Path) -> None:
    """rsyslog stopped and started again sends each line once: its own checkpoint and ours agree."""
    sent = sentences("rsagain", AMOUNT)
    action = f'type="omfwd" target="127.0.0.1" port="{house.syslog}" protocol="tcp" template="{FORWARD}"'
    with daemon(rsyslog(), tmp_path, action) as sender:
        write(tmp_path, sent[: AMOUNT // 2])
        arrived(house, "rsagain", AMOUNT // 2)
        assert sender.process is not None
        sender.process.send_signal(signal.SIGTERM)
        sender.process.wait(10)
    write(tmp_path, sent[AMOUNT // 2 :])
    with daemon(rsyslog(), tmp_path, action):
        found = arrived(house, "rsagain", AMOUNT)
    assert sorted(str(e.fields["message"]) for e in found) == sorted(sent)
