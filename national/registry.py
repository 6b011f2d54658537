"""What happens to a report: the jobs the store runs, each all or nothing.

Rules: one incident per (organisation, local id); an idempotency key belongs to one request for ever and replays its answer;
revisions only grow; T0 (``detected_at``) never changes; another organisation's incident does not exist (404).
"""

import hashlib
import json
import sqlite3
from typing import Any

import msgspec

from model import Micros
from model.moment import DAY, VIETNAM, to_datetime, to_rfc3339
from national.problems import Refusal
from national.receipts import Signer, canonical
from national.schema import Report, moment, read_report

FUTURE: Micros = DAY
"""How far ahead of this side's clock T0 may be: clocks differ, but not by more than this."""


class Answer(msgspec.Struct, frozen=True):
    """A stored answer. ``replayed`` when it was given before to the same request."""

    status: int
    etag: str
    body: bytes
    national_id: str
    replayed: bool = False


class Entry(msgspec.Struct, frozen=True):
    """One incident as kept here. ``report`` is the newest revision's JSON."""

    national_id: str
    organisation: str
    revision: int
    severity: str
    kind: str
    detected_at: Micros
    received_at: Micros
    updated_at: Micros
    change: int
    report: bytes


COLUMNS = ", ".join(Entry.__struct_fields__)


def replayed(db: sqlite3.Connection, organisation: str, key: str, request: str) -> Answer | None:
    """The answer already given for this key; Refusal 422 when the key was used for another request."""
    row = db.execute(
        "SELECT request, status, etag, body FROM answers WHERE organisation=? AND key=?", (organisation, key)
    ).fetchone()
    if row is None:
        return None
    if row[0] != request:
        raise Refusal(422, "This Idempotency-Key was used for another request; use a new one for a new body.")
    national_id = json.loads(row[3])["national_id"]
    return Answer(row[1], row[2], row[3], national_id, replayed=True)


def submit(
    db: sqlite3.Connection, signer: Signer, now: Micros, organisation: str, key: str, body: bytes, report: Report
) -> Answer:
    """A first report: national id, receipt, 201. Refusal 409 when the local id is known under another key."""
    request = fingerprint("POST", "", body)
    if (old := replayed(db, organisation, key, request)) is not None:
        return old
    _check_time(report, now)
    known = db.execute(
        "SELECT national_id, revision FROM incidents WHERE organisation=? AND local_id=?", (organisation, report.local_id)
    ).fetchone()
    if known:
        detail = f"{report.local_id} is already registered as {known[0]}; send a later revision with PATCH."
        raise Refusal(409, detail, national_id=known[0], revision=known[1])
    national_id = _next_id(db, organisation, now)
    values = (national_id, organisation, report.local_id, report.revision, report.severity, report.kind)
    times = (moment(report.detected_at), now, now, _next_change(db))
    db.execute(
        "INSERT INTO incidents VALUES(?,?,?,?,?,?,?,?,?,?,?)", (*values, *times, canonical(report.model_dump(mode="json")))
    )
    return _receipted(db, signer, now, organisation, key, request, national_id, report, body, 201)


def revise(
    db: sqlite3.Connection,
    signer: Signer,
    now: Micros,
    organisation: str,
    key: str,
    body: bytes,
    national_id: str,
    expected: int | None,
    changes: dict[str, Any],
) -> Answer:
    """A later revision: ``changes`` replace members of the report. ``expected`` is If-Match (None: any revision).

    Refusal 404, 412 when the revision is another, 409 when the new one is not newer, 422 for the result.
    """
    request = fingerprint("PATCH", national_id, body)
    if (old := replayed(db, organisation, key, request)) is not None:
        return old
    entry = find(db, national_id, organisation)
    if expected is not None and expected != entry.revision:
        raise Refusal(412, f"{national_id} is at revision {entry.revision}; read it again.", revision=entry.revision)
    before = json.loads(entry.report)
    report = read_report(canonical(before | changes))
    for fixed in ("local_id", "detected_at"):
        if fixed in changes and _differs(fixed, before[fixed], getattr(report, fixed)):
            place = [{"pointer": f"/{fixed}", "detail": "never changes"}]
            raise Refusal(422, f"{fixed} of {national_id} is {before[fixed]} and never changes.", errors=place)
    if report.revision <= entry.revision:
        raise Refusal(
            409, f"{national_id} is at revision {entry.revision} already; number the next one higher.", revision=entry.revision
        )
    db.execute(
        "UPDATE incidents SET revision=?, severity=?, kind=?, updated_at=?, change=?, report=? WHERE national_id=?",
        (
            report.revision,
            report.severity,
            report.kind,
            now,
            _next_change(db),
            canonical(report.model_dump(mode="json")),
            national_id,
        ),
    )
    return _receipted(db, signer, now, organisation, key, request, national_id, report, body, 200)


def find(db: sqlite3.Connection, national_id: str, organisation: str | None = None) -> Entry:
    """The incident; Refusal 404 when there is none, or it is another organisation's."""
    row = db.execute(f"SELECT {COLUMNS} FROM incidents WHERE national_id=?", (national_id,)).fetchone()  # noqa: S608 - constant
    if row is None or organisation not in (None, row[1]):
        raise Refusal(404, "No such incident of yours is registered here.")
    return Entry(*row)


def listed(db: sqlite3.Connection, organisation: str, after: int, updated_after: Micros, limit: int) -> list[Entry]:
    """Incidents of an organisation whose change is later than ``after``, in the order they changed."""
    rows = db.execute(
        f"SELECT {COLUMNS} FROM incidents WHERE organisation=? AND change>? AND updated_at>? ORDER BY change LIMIT ?",  # noqa: S608
        (organisation, after, updated_after, limit),
    )
    return [Entry(*row) for row in rows]


def newest(db: sqlite3.Connection, before: int, limit: int) -> list[Entry]:
    """All organisations' incidents, the latest changed first, for the operator."""
    rows = db.execute(f"SELECT {COLUMNS} FROM incidents WHERE change<? ORDER BY change DESC LIMIT ?", (before, limit))  # noqa: S608
    return [Entry(*row) for row in rows]


def totals(db: sqlite3.Connection) -> dict[str, int]:
    """Incidents by severity."""
    return dict(db.execute("SELECT severity, count(*) FROM incidents GROUP BY severity").fetchall())


def receipts(db: sqlite3.Connection, national_id: str) -> list[dict[str, Any]]:
    """All receipts given for an incident, oldest first."""
    rows = db.execute("SELECT receipt FROM revisions WHERE national_id=? ORDER BY revision", (national_id,))
    return [json.loads(row[0]) for row in rows]


def fingerprint(method: str, place: str, body: bytes) -> str:
    """What must be the same for a repeat to be one."""
    return hashlib.sha256(f"{method} {place} ".encode() + body).hexdigest()


def _receipted(
    db: sqlite3.Connection,
    signer: Signer,
    now: Micros,
    organisation: str,
    key: str,
    request: str,
    national_id: str,
    report: Report,
    body: bytes,
    status: int,
) -> Answer:
    receipt = signer.receipt(
        national_id=national_id,
        incident=report.local_id,
        revision=report.revision,
        body_sha256=hashlib.sha256(body).hexdigest(),
        received_at=to_rfc3339(now),
    )
    kept = msgspec.json.encode(receipt)
    db.execute("INSERT INTO revisions VALUES(?,?,?,?,?)", (national_id, report.revision, report.severity, now, kept))
    said = canonical({"national_id": national_id, "revision": report.revision, "receipt": msgspec.to_builtins(receipt)})
    etag = f'"{report.revision}"'
    db.execute("INSERT INTO answers VALUES(?,?,?,?,?,?,?)", (organisation, key, request, status, etag, said, now))
    return Answer(status, etag, said, national_id)


def _check_time(report: Report, now: Micros) -> None:
    if moment(report.detected_at) > now + FUTURE:
        place = [{"pointer": "/detected_at", "detail": "more than a day in the future"}]
        raise Refusal(422, f"detected_at is later than this side's clock ({to_rfc3339(now)}) by more than a day.", errors=place)


def _differs(name: str, before: str, after: str) -> bool:
    return moment(before) != moment(after) if name == "detected_at" else before != after


def _next_id(db: sqlite3.Connection, organisation: str, now: Micros) -> str:
    year = to_datetime(now).astimezone(VIETNAM).year
    row = db.execute(
        "INSERT INTO counters VALUES(?,?,1) ON CONFLICT(year, organisation) DO UPDATE SET last=last+1 RETURNING last",
        (year, organisation),
    ).fetchone()
    return f"VN-{year}-{organisation}-{row[0]:06d}"


def _next_change(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT coalesce(max(change), 0) + 1 FROM incidents").fetchone()[0])
