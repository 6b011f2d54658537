"""What a house has kept of what a sender sent, counted and compared."""

import asyncio
import re
import time
import urllib.request
from collections.abc import Sequence
from typing import Any

from running import until

from backbone.ports import Found, Search
from bench.house import House
from daemon.wiring import reading
from model import Event, Micros

MOST = 10_000
SENTENCES = (
    "hồ sơ của Nguyễn Thị Ánh bị từ chối: sai mật khẩu",
    "Trung tâm Phục vụ hành chính công tỉnh Sơn Hà đã tiếp nhận giấy khai sinh",
    "Đặng Quốc Vượng tải tệp «Đơn xin cấp phép.pdf» – dung lượng 2,5 MB",
    "cảnh báo: ổ đĩa ĐẦY, ghi nhật ký thất bại; kiểm tra ngay!",
)
"""Vietnamese with every kind of tone, capital Đ, quotes and dashes beyond Latin."""


def sentences(marker: str, amount: int) -> list[str]:
    """``amount`` different messages; ``marker`` is a word found nowhere else."""
    return [f"{marker} {n:05d} {SENTENCES[n % len(SENTENCES)]}" for n in range(amount)]


def now() -> Micros:
    return time.time_ns() // 1000


def events(house: House, query: str) -> list[Event]:
    """All stored events that match, in the order stored. AssertionError when the search shows one twice."""
    found = until("a whole answer of the store", lambda: asyncio.run(_search(house, query)), 20)
    ids = [stored.event.id for stored in found.events]
    assert len(ids) == len(set(ids)), "the search shows an event twice"
    return [stored.event for stored in found.events][::-1]


async def _search(house: House, query: str) -> Found | None:
    """None when the answer says itself that it is only a part: segments were being written."""
    async with reading.reading_events(house.configuration) as store:
        found = await store.search(Search(query, 0, 2**62, MOST))
        return None if found.partial else found


def arrived(house: House, query: str, amount: int, limit: float = 60.0) -> list[Event]:
    """The events once ``amount`` are there: exactly so many, also a moment later."""
    until(
        f"{amount} events of {query}, there are {len(events(house, query))}", lambda: len(events(house, query)) >= amount, limit
    )
    time.sleep(0.5)
    found = events(house, query)
    assert len(found) == amount, f"{amount} were sent, {len(found)} are stored: {query}"
    return found


def proved(found: Sequence[Event], sent: Sequence[str], *, since: Micros, host: str, **fields: Any) -> None:
    """Every message once and intact, as syslog of ``host``, at the time it was sent, with ``fields``."""
    assert sorted(str(e.fields["message"]) for e in found) == sorted(sent)
    for event in found:
        assert (event.format, event.host, event.logsource.product) == ("syslog", host, "linux"), event
        # BSD times have whole seconds.
        assert since - 1_000_000 <= event.happened_at <= event.received_at + 1_000, event
        assert not event.tags, event.tags
        assert {name: event.fields.get(name) for name in fields} == fields


def counted(house: House, name: str, **labels: str) -> float:
    """Sum of a counter of /metrics over all other labels."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{house.console}/metrics", headers={"Authorization": f"Bearer {house.key('console')}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read().decode()
    total = 0.0
    for row in text.splitlines():
        shown = re.fullmatch(r"(\w+?)(?:_total)?(?:\{(.*)\})? (\S+)", row)
        if (
            shown
            and shown[1].removeprefix("vonggac_") == name
            and all(f'{k}="{v}"' in (shown[2] or "") for k, v in labels.items())
        ):
            total += float(shown[3])
    return total


def reported(house: House, rule: str, limit: float = 90.0) -> tuple[dict[str, Any], dict[str, Any]]:
    """The alert of ``rule`` and its incident, once the national API gave a receipt for it."""

    def look() -> tuple[dict[str, Any], dict[str, Any]] | None:
        for alert in house.show("alerts", "-n", "1000"):
            if alert["rule"] == rule:
                for incident in house.show("incidents", "-n", "1000"):
                    if alert["id"] in incident["alerts"] and incident["receipt"]:
                        return alert, incident
        return None

    found = until(f"an alert of rule {rule}, an incident and a receipt", look, limit)
    assert found is not None
    return found
