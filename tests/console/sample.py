"""A console over memory stores with a few alerts, incidents and events, for the tests of this room."""

from typing import Any

from backbone.clock import ManualClock
from backbone.codec import encode
from backbone.memory_bus import MemoryBus
from backbone.memory_events import MemoryEvents
from backbone.memory_state import MemoryState
from backbone.ports import Commit, Put, Stored
from console.app import Console
from model import Alert, AlertLine, Delivery, Entity, Event, Evidence, Incident, Level, Receipt
from model.moment import MINUTE, SECOND

TOKEN = "a-token-for-tests-only"
NASTY = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>\u202egnp.exe'


def alert(number: int, level: Level, clock: ManualClock, title: str = "Web shell requested") -> Alert:
    at = clock.now() + number * MINUTE
    return Alert(
        id=f"alert-{number}",
        revision=1,
        rule="00000000-0000-4000-8000-000000000001",
        title=title,
        level=level,
        entities=(Entity("ip", f"203.0.113.{number}"), Entity("user", "nguyễn.văn.an")),
        systems=("dvc",),
        count=number,
        happened_at=at - 3 * SECOND,
        received_at=at - 2 * SECOND,
        stored_at=at - SECOND,
        detected_at=at,
        last_at=at,
        evidence=(Evidence(f"event-{number}", at - 3 * SECOND, "dvc", "web-dvc-01", f"GET /tải lên/{NASTY}"),),
        tags=("attack.persistence", "attack.t1505.003"),
        description="Somebody asks for a script in the upload folder of the public-service portal.",
    )


def incident(number: int, clock: ManualClock) -> tuple[Incident, Delivery]:
    at = clock.now() + number * MINUTE
    made = Incident(
        id=f"incident-{number}",
        revision=1,
        severity="M2",
        kind="unauthorised_access",
        title=f"Cửa hậu trên cổng dịch vụ công từ 203.0.113.{number} / Web shell on the portal from 203.0.113.{number}",
        why="Hai cảnh báo có chung một địa chỉ trong 4 giờ. / Two alerts share one address within 4 hours.",
        systems=("dvc",),
        entities=(Entity("ip", f"203.0.113.{number}"),),
        alerts=(AlertLine(f"alert-{number}", "r", "Web shell requested", "high", at, 3),),
        detected_at=at,
        first_at=at,
        last_at=at,
        techniques=("T1505.003",),
        evidence=(f"GET /uploads/{NASTY}",),
    )
    receipt = Receipt("VN-2026-CM-000001", made.id, 1, "0" * 64, "2026-11-21T00:00:01.000Z", "key-1", "c2lnbmF0dXJl" * 6)
    return made, Delivery(made.id, 1, 1, 1, at, "delivered", "", "VN-2026-CM-000001", receipt)


def event(number: int, clock: ManualClock) -> Stored:
    at = clock.now() - number * MINUTE
    made = Event(
        id=f"event-{number}",
        source="syslog-tcp",
        happened_at=at,
        received_at=at,
        original=f"198.51.100.{number % 250} GET /dich-vu/{number} {NASTY}",
        format="nginx_access",
        system="dvc",
        host="web-dvc-01",
        fields={"c-ip": f"198.51.100.{number % 250}", "sc-status": 200, "cs-uri-stem": f"/dịch-vụ/{number}"},
    )
    return Stored(made, number + 1, at)


async def sample_console(clock: ManualClock, alerts: int = 5, **options: Any) -> tuple[Console, MemoryState]:
    """The console and its state store; figures of the head are fixed."""
    from hashlib import sha256

    state, events = MemoryState(clock, MemoryBus(clock)), MemoryEvents()
    levels: tuple[Level, ...] = ("low", "high", "medium", "critical", "informational")
    puts = []
    for number in range(1, alerts + 1):
        made = alert(number, levels[number % 5], clock)
        puts.append(Put("alerts", made.id, encode(made), made.detected_at))
    for number in (1, 2):
        found, delivery = incident(number, clock)
        puts += [Put("incidents", found.id, encode(found), found.detected_at), Put("outbox", found.id, encode(delivery), 0)]
    await state.commit(Commit(puts=tuple(puts)))
    await events.write([event(n, clock) for n in range(120)])
    console = Console(
        state=state,
        events=events,
        clock=clock,
        token_digest=sha256(TOKEN.encode()).hexdigest(),
        health=lambda: (True, True, {"problems": []}),
        metrics=lambda: b"vonggac_up 1\n",
        overview=lambda: {"events_per_second": 812.4, "waiting": 0, "oldest_waiting": 0, "problems": []},
        **options,
    )
    return console, state
