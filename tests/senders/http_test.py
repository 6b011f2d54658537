"""curl as a sender over HTTP, and senders that die in the middle of a request."""

import gzip
import json
import os
import signal
import socket
import time
import uuid
from pathlib import Path

import psutil
import pytest
from kept import arrived, events, now, sentences
from programs import installed
from running import Running, once, until

from bench.house import House

pytestmark = pytest.mark.slow
AMOUNT = 400


def records(marker: str, amount: int = AMOUNT) -> list[dict[str, object]]:
    """Log-ins of the province's SSO as its JSON log has them, told by ``marker``."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return [{"@timestamp": stamp, "host": "sso01", "message": text, "lần": n} for n, text in enumerate(sentences(marker, amount))]


def ndjson(rows: list[dict[str, object]]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def headers(house: House, folder: Path, key: str = "") -> Path:
    """A file with the key, as the documentation has it: keys in arguments are seen by everybody on the machine."""
    file = folder / "headers.txt"
    file.write_text(f"Authorization: Bearer {key or house.key('ingest')}\n")
    file.chmod(0o600)
    return file


def curl(house: House, folder: Path, *options: str, key: str = "") -> tuple[int, dict[str, object]]:
    """POST with curl; (status, answer)."""
    arguments = ["-sS", "-w", "\n%{http_code}", "-H", f"@{headers(house, folder, key)}", *options]
    told = once(installed("curl", "curl"), *arguments, f"http://127.0.0.1:{house.http}/ingest").stdout
    body, _, status = told.decode().rpartition("\n")
    return int(status), json.loads(body)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_curl_json_lines(house: House, tmp_path: Path, packed: bool) -> None:
    """What curl posts and gets 200 for is stored at once, once and intact, gzip or not."""
    since, rows = now(), records(f"curl{int(packed)}")
    (tmp_path / "body").write_bytes(gzip.compress(ndjson(rows)) if packed else ndjson(rows))
    more = ["-H", "Content-Encoding: gzip"] if packed else []
    answer = curl(house, tmp_path, "-H", "Content-Type: application/x-ndjson", *more, "--data-binary", f"@{tmp_path}/body")
    assert answer == (200, {"accepted": AMOUNT, "unparsed": 0})
    found = arrived(house, f"curl{int(packed)}", AMOUNT)
    assert [(e.fields["message"], e.fields["lần"]) for e in found] == [(r["message"], r["lần"]) for r in rows]
    for event in found:
        assert (event.format, event.host, event.source, event.tags) == ("json", "sso01", "http", ())
        assert since - 1_000_000 <= event.happened_at <= event.received_at


def test_curl_sends_again(house: House, tmp_path: Path) -> None:
    """A sender that did not hear the answer repeats with its key, as curl's --retry does: stored once, answered the same."""
    (tmp_path / "body").write_bytes(ndjson(records("curlagain")))
    options = ["-H", "Content-Type: application/x-ndjson", "-H", f"Idempotency-Key: {uuid.uuid4()}"]
    options += ["--retry", "3", "--retry-connrefused", "--data-binary", f"@{tmp_path}/body"]
    assert {json.dumps(curl(house, tmp_path, *options)) for _ in range(3)} == {'[200, {"accepted": 400, "unparsed": 0}]'}
    arrived(house, "curlagain", AMOUNT)


def test_curl_without_the_key(house: House, tmp_path: Path) -> None:
    """A wrong key is refused with 401 and a sentence, and nothing is stored."""
    (tmp_path / "body").write_bytes(ndjson(records("curlrefused", 3)))
    status, answer = curl(house, tmp_path, "--data-binary", f"@{tmp_path}/body", key="not-the-key-of-this-house")
    assert status == 401 and "key" in str(answer["detail"])
    assert events(house, "curlrefused") == []


@pytest.mark.parametrize(
    ("name", "record", "expected"),
    [
        (
            "nxlog",
            {"EventTime": "{local}", "Hostname": "PC-VP-017", "SourceName": "Microsoft-Windows-Security-Auditing"}
            | {"Channel": "Security", "EventID": 4625, "TargetUserName": "nguyễn.văn.an", "IpAddress": "10.8.4.4"},
            {"EventID": 4625, "Channel": "Security", "TargetUserName": "nguyễn.văn.an"},
        ),
        (
            "winlogbeat",
            {"@timestamp": "{utc}", "host": {"name": "PC-VP-017"}, "log": {"level": "information"}}
            | {"winlog": {"channel": "Security", "event_id": "4625", "computer_name": "PC-VP-017"}}
            | {"message": "Một tài khoản đăng nhập thất bại"},
            {"EventID": 4625, "Channel": "Security"},
        ),
    ],
)
def test_windows_shapes(house: House, tmp_path: Path, name: str, record: dict[str, object], expected: dict[str, object]) -> None:
    """An array as NXLog's om_http batches it, or a line of Winlogbeat's JSON, posted with curl, is read as Windows events."""
    times = {"{local}": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 7 * 3600))}
    times["{utc}"] = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    rows = [{k: times.get(str(v), v) for k, v in record.items()} | {"marker": f"win{name}{n}"} for n in range(20)]
    (tmp_path / "body").write_bytes(json.dumps(rows, ensure_ascii=False).encode())
    status, _ = curl(house, tmp_path, "-H", "Content-Type: application/json", "--data-binary", f"@{tmp_path}/body")
    assert status == 200
    found = arrived(house, f"win{name}", 20)
    for event in found:
        assert (event.format, event.host, event.logsource.product) == ("windows", "PC-VP-017", "windows"), event
        assert event.fields.items() >= expected.items()
        assert abs(event.received_at - event.happened_at) < 60_000_000


def test_curl_killed_in_the_middle(house: House, tmp_path: Path) -> None:
    """curl killed while it sends: nothing of the request is stored; sent again with the same key, everything is, once."""
    rows = records("curlkilled", 3000)
    (tmp_path / "body").write_bytes(ndjson(rows))
    arguments = ["-sS", "--limit-rate", "40k", "-H", f"@{headers(house, tmp_path)}", "-H", f"Idempotency-Key: {uuid.uuid4()}"]
    arguments += ["-H", "Content-Type: application/x-ndjson", "--data-binary", f"@{tmp_path}/body"]
    address = f"http://127.0.0.1:{house.http}/ingest"
    with Running(installed("curl", "curl"), [*arguments, address], tmp_path) as sender:
        until("curl has sent a part", lambda: _established(sender.pid))
        time.sleep(1)
        os.kill(sender.pid, signal.SIGKILL)
    assert events(house, "curlkilled") == []
    status, answer = curl(house, tmp_path, *arguments[5:])
    assert (status, answer["accepted"]) == (200, 3000)
    arrived(house, "curlkilled", 3000)


def _established(pid: int) -> bool:
    return any(c.status == psutil.CONN_ESTABLISHED for c in psutil.Process(pid).net_connections())


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("ending", ["close", "reset"])
def test_dying_mid_request(house: House, framing: str, ending: str) -> None:
    """A connection that ends inside the body, by FIN or RST, by length or by chunks, stores nothing and harms nobody."""
    marker = f"dying{framing}{ending}"
    body = ndjson(records(marker, 50))
    head = f"POST /ingest HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {house.key('ingest')}\r\n"
    head += "Content-Type: application/x-ndjson\r\n"
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", house.http)) as connection:
            if framing == "length":
                connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[: len(body) // 2])
            else:
                half = body[: len(body) // 2]
                connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n{len(half):x}\r\n".encode() + half + b"\r\n")
            if ending == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert house.post(ndjson(records(f"after{marker}", 5))) == 200
    arrived(house, f"after{marker}", 5)
    assert [e for e in events(house, marker) if not str(e.fields["message"]).startswith("after")] == []


def test_dying_before_the_answer(house: House) -> None:
    """A sender that dies after its last byte and before the answer sends again with its key: stored once."""
    body, key = ndjson(records("unheard", 200)), str(uuid.uuid4())
    head = (
        f"POST /ingest HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {house.key('ingest')}\r\nIdempotency-Key: {key}\r\n"
    )
    head += f"Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n"
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", house.http)) as connection:
            connection.sendall(head.encode() + body)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert house.post(body, key) == 200
    arrived(house, "unheard", 200)
