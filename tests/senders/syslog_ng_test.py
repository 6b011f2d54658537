"""syslog-ng as a sender: its syslog() driver (RFC 5424, octet-counted) and its network() driver (BSD lines)."""

from pathlib import Path

import pytest
from kept import arrived, counted, events, now, proved, sentences
from programs import Program, installed, syslog_ng
from running import Running, once, until

from bench.house import House

pytestmark = pytest.mark.slow
AMOUNT = 500
HOST = "motcua-app01"


@pytest.fixture(scope="module")
def program() -> Program:
    return syslog_ng()


def daemon(program: Program, folder: Path, destination: str) -> Running:
    """syslog-ng of its own: follows in.log, listens on a private socket, forwards everything to ``destination``."""
    settings = folder / "syslog-ng.conf"
    version = once(program, "--version").stdout.decode().split("Config version: ")[1].split()[0]
    settings.write_text(
        f"""@version: {version}
options {{ keep-hostname(yes); use-dns(no); stats-freq(0); }};
source s_file {{ file("{folder}/in.log" flags(no-parse) follow-freq(0.1) program-override("dvc-app")
                     host-override("{HOST}") default-facility(local3) default-priority(warning)); }};
source s_local {{ unix-dgram("{folder}/log.sock" host-override("{HOST}")); }};
destination d_vonggac {{ {destination} }};
log {{ source(s_file); source(s_local); destination(d_vonggac); flags(flow-control); }};
""",
        "utf-8",
    )
    (folder / "in.log").touch()
    arguments: list[str | Path] = ["-F", "-f", settings, "-R", folder / "persist", "-c", folder / "ctl"]
    arguments += ["--pidfile", folder / "syslog-ng.pid"]
    if program.plugins:
        arguments += ["--module-path", ":".join(map(str, program.plugins))]
    return Running(program, arguments, folder)


def write(folder: Path, sent: list[str]) -> None:
    with (folder / "in.log").open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in sent)


@pytest.mark.parametrize("driver", ["syslog", "network"])
def test_tcp(house: House, tmp_path: Path, program: Program, driver: str) -> None:
    """Over TCP both drivers' lines are stored once and intact."""
    sent, since = sentences(f"ngtcp{driver}", AMOUNT), now()
    destination = f'{driver}("127.0.0.1" port({house.syslog}) transport("tcp"));'
    with daemon(program, tmp_path, destination):
        write(tmp_path, sent)
        found = arrived(house, sent[0].split()[0], AMOUNT)
    proved(found, sent, since=since, host=HOST, program="dvc-app", facility="local3", severity="warning")
    assert {e.source for e in found} == {"tcp"}


@pytest.mark.parametrize("driver", ["syslog", "network"])
def test_udp(house: House, tmp_path: Path, program: Program, driver: str) -> None:
    """Over UDP every datagram is stored once and intact, or counted as lost."""
    sent, since = sentences(f"ngudp{driver}", AMOUNT), now()
    word, before = sent[0].split()[0], counted(house, "collector_dropped", source="udp")
    with daemon(program, tmp_path, f'{driver}("127.0.0.1" port({house.syslog}) transport("udp"));'):
        write(tmp_path, sent)
        until(
            "every datagram stored or counted as lost",
            lambda: len(events(house, word)) + counted(house, "collector_dropped", source="udp") - before == AMOUNT,
        )
    found = events(house, word)
    messages = {str(e.fields["message"]) for e in found}
    proved(found, [s for s in sent if s in messages], since=since, host=HOST, program="dvc-app", facility="local3")


def test_tls(house: House, tmp_path: Path, program: Program) -> None:
    """Over TLS, with the collector's certificate checked, every line is stored once and intact."""
    sent, since = sentences("ngtls", AMOUNT), now()
    destination = f"""syslog("localhost" port({house.tls}) transport("tls") ip-protocol(4)
        tls(ca-file("{house.home}/keys/syslog-tls.crt") peer-verify(required-trusted)));"""
    with daemon(program, tmp_path, destination):
        write(tmp_path, sent)
        found = arrived(house, "ngtls", AMOUNT)
    proved(found, sent, since=since, host=HOST, program="dvc-app", facility="local3", severity="warning")
    assert {e.source for e in found} == {"tls"}


def test_local_socket(house: House, tmp_path: Path, program: Program) -> None:
    """What programs write to syslog-ng's socket, `logger` here, arrives with their own tag and priority."""
    sent, since = sentences("ngunix", 50), now()
    with daemon(program, tmp_path, f'syslog("127.0.0.1" port({house.syslog}));') as sender:
        socket = tmp_path / "log.sock"
        sender.until("syslog-ng's socket", socket.exists)
        given = "".join(f"{line}\n" for line in sent).encode()
        once(installed("logger", "bsdutils"), "-u", socket, "-t", "motcua", "-p", "auth.notice", given=given)
        found = arrived(house, "ngunix", len(sent))
    proved(found, sent, since=since, host=HOST, program="motcua", facility="auth", severity="notice")


def test_start_again(house: House, tmp_path: Path, program: Program) -> None:
    """syslog-ng stopped and started again sends each line of its file once."""
    sent = sentences("ngagain", AMOUNT)
    destination = f'syslog("127.0.0.1" port({house.syslog}));'
    with daemon(program, tmp_path, destination):
        write(tmp_path, sent[: AMOUNT // 2])
        arrived(house, "ngagain", AMOUNT // 2)
    write(tmp_path, sent[AMOUNT // 2 :])
    with daemon(program, tmp_path, destination):
        found = arrived(house, "ngagain", AMOUNT)
    assert sorted(str(e.fields["message"]) for e in found) == sorted(sent)
