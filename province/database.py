# ruff: noqa: S608 - the SQL here is only ever written to a log
"""Row 19, shared databases: PostgreSQL's log with pgaudit (log_line_prefix '%m [%p] %q%u@%d %h ')."""

from random import Random

from model import Micros
from model.moment import MINUTE, SECOND
from province import people
from province.lgsp import APPLICATIONS
from province.line import Bursts, Line, Scene
from province.places import ADMIN_PC, HOSTS
from province.rhythm import NIGHT, OFFICE, every, moments, plain

GATEWAY = HOSTS["lgsp-gw01"]
TABLES = {
    "/dancu/1.0": ("dancu", "public.cong_dan"),
    "/datdai/2.1": ("datdai", "public.thua_dat"),
    "/dkdn/1.0": ("dkdn", "public.doanh_nghiep"),
    "/bhxh/1.2": ("bhxh", "public.the_bhyt"),
    "/danhmuc/1.0": ("danhmuc", "public.danh_muc"),
}


def log(at: Micros, pid: int, who: str, text: str, attack: str = "") -> Line:
    """One line; ``who`` is ``user@database host``."""
    stamp = f"{plain(at)}.{at % SECOND // 1000:03d} +07"
    return Line(at, "file:csdl-postgres", "csdl-db01", f"{stamp} [{pid}] {who} {text}", attack)


def audit(
    at: Micros, pid: int, who: str, kind: str, command: str, table: str, statement: str, rows: int, attack: str = ""
) -> Line:
    """One pgaudit session line (pgaudit.log_rows = on); ``kind`` is READ, WRITE, DDL, ROLE or MISC."""
    quoted = '"' + statement.replace('"', '""') + '"' if "," in statement or '"' in statement else statement
    target = f"TABLE,{table}" if table else ","
    return log(
        at, pid, who, f"LOG:  AUDIT: SESSION,{pid % 900 + 1},1,{kind},{command},{target},{quoted},<not logged>,{rows}", attack
    )


def _lookup(rng: Random, at: Micros) -> list[Line]:
    app = rng.choice(APPLICATIONS)
    database, table = TABLES[app.context]
    who, pid = f"{app.owner}@{database} {GATEWAY}", rng.randrange(2_000, 30_000)
    if rng.random() < 0.12:
        return [audit(at, pid, who, "WRITE", "UPDATE", table, f"update {table} set cap_nhat = now() where ma = $1", 1)]
    name = " ".join(people.full_name(rng))
    where = "ma = $1" if rng.random() < 0.8 else f"ho_ten = '{name}' and nam_sinh = $1"
    return [
        audit(
            at, pid, who, "READ", "SELECT", table, f"select ma, ho_ten, ngay_cap from {table} where {where}", rng.randrange(0, 4)
        )
    ]


def queries(scene: Scene) -> Bursts:
    """What the gateway's back ends ask: a record at a time."""
    for at in moments(scene.rng, scene.day, 8_500 * scene.scale, OFFICE):
        yield at, _lookup(scene.rng, at)


def warehouse(scene: Scene) -> Bursts:
    """At night the warehouse copies whole tables, as its own account and from its own host."""
    rng = scene.rng
    for at in moments(rng, scene.day, max(4.0, 60 * scene.scale), NIGHT):
        database, table = rng.choice(list(TABLES.values()))
        who, pid = f"etl_kho@{database} {HOSTS['csdl-kho01']}", rng.randrange(2_000, 30_000)
        rows = rng.randrange(20_000, 400_000)
        yield at, [audit(at, pid, who, "READ", "SELECT", table, f"select * from {table} where cap_nhat >= $1", rows)]


def backup(scene: Scene) -> Bursts:
    """pg_dump at 01:30."""
    at = scene.day + 90 * MINUTE
    lines = []
    for number, (database, table) in enumerate(TABLES.values()):
        who = f"saoluu@{database} [local]"
        lines.append(
            audit(at + number * MINUTE, 4242 + number, who, "READ", "COPY", table, f"COPY {table} TO stdout", 300_000 + number)
        )
    yield at, lines


def sessions(scene: Scene) -> Bursts:
    """The monitor connects every five minutes; somebody mistypes now and then."""
    rng = scene.rng
    for at in every(scene.day, 5 * MINUTE, 31 * SECOND):
        pid, peer = rng.randrange(2_000, 30_000), HOSTS["srv-giamsat01"]
        lines = [
            log(at, pid, f"giamsat@postgres {peer}", "LOG:  connection authorized: user=giamsat database=postgres"),
            audit(
                at + 20_000,
                pid,
                f"giamsat@postgres {peer}",
                "READ",
                "SELECT",
                "pg_catalog.pg_stat_activity",
                "select count(*) from pg_stat_activity",
                1,
            ),
            log(
                at + 90_000,
                pid,
                f"giamsat@postgres {peer}",
                f"LOG:  disconnection: session time: 0:00:00.090 user=giamsat database=postgres host={peer} port=51514",
            ),
        ]
        if rng.random() < 0.03:
            who = f"lan.nt@dancu {ADMIN_PC}"
            lines.append(log(at + SECOND, pid + 1, who, 'FATAL:  password authentication failed for user "lan.nt"'))
        yield at, lines


STREAMS = (queries, warehouse, backup, sessions)
