"""Lines over TLS from a sender that speaks no syslog: OpenSSL's client, as agents on Windows do it."""

import json
import time
from pathlib import Path

import pytest
from kept import arrived, events, sentences
from programs import installed
from running import once

from bench.house import House

pytestmark = pytest.mark.slow


def client(house: House, given: bytes, *options: str | Path) -> None:
    line = ["s_client", "-quiet", "-no_ign_eof", "-connect", f"127.0.0.1:{house.tls}", "-verify_return_error"]
    once(installed("openssl", "openssl"), *line, "-verify_hostname", "localhost", *options, given=given)


def test_json_lines(house: House) -> None:
    """Windows events as JSON lines over TLS, as NXLog's om_ssl sends after to_json(): stored once and understood."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 7 * 3600))
    rows = [
        {"EventTime": stamp, "Hostname": "PC-VP-021", "Channel": "Security", "EventID": 4625, "TargetUserName": "nguyễn.văn.an"}
        | {"Message": text}
        for text in sentences("tlsjson", 200)
    ]
    client(house, b"".join(json.dumps(r, ensure_ascii=False).encode() + b"\r\n" for r in rows), *authority(house))
    found = arrived(house, "tlsjson", 200)
    assert sorted(str(json.loads(e.original)["Message"]) for e in found) == sorted(str(r["Message"]) for r in rows)
    for event in found:
        assert (event.format, event.host, event.source, event.tags) == ("windows", "PC-VP-021", "tls", ())
        assert (event.fields["EventID"], event.fields["TargetUserName"]) == (4625, "nguyễn.văn.an")
        assert abs(event.received_at - event.happened_at) < 60_000_000


def test_old_tls_is_refused(house: House) -> None:
    """A sender that offers no more than TLS 1.1 gets no connection; the same one with TLS 1.2 does."""
    options = [*authority(house), "-cipher", "DEFAULT@SECLEVEL=0"]
    client(house, b"<13>tlstwo\n", *options, "-tls1_2")
    with pytest.raises(AssertionError, match=r"s_client.* 1\n"):
        client(house, b"<13>tlsone\n", *options, "-tls1_1")
    arrived(house, "tlstwo", 1)
    assert events(house, "tlsone") == []


def authority(house: House) -> list[str | Path]:
    return ["-CAfile", house.home / "keys/syslog-tls.crt"]
