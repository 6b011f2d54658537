"""The operator's readable pages. Every value from outside is escaped; no script, no foreign asset."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from aiohttp import web

from model import Micros
from model.moment import SECOND, to_local
from national import registry
from national.auth import COOKIE, SESSION, Doors
from national.limits import Bucket
from national.markup import Html, fill, join, static, tag
from national.problems import Refusal
from national.registry import Entry
from national.schema import moment
from national.store import Store

PAGE: Final = 50
POLICY: Final = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
KINDS: Final = {
    "ransomware": ("Mã độc tống tiền", "Ransomware"),
    "destruction": ("Phá hoại dữ liệu, phần mềm", "Destruction"),
    "data_theft": ("Lấy cắp dữ liệu", "Data theft"),
    "defacement": ("Thay đổi giao diện", "Defacement"),
    "denial_of_service": ("Từ chối dịch vụ", "Denial of service"),
    "malware": ("Mã độc", "Malware"),
    "phishing": ("Lừa đảo, giả mạo", "Phishing"),
    "unauthorised_access": ("Truy cập trái phép", "Unauthorised access"),
    "combined": ("Tấn công tổng hợp", "Combined"),
    "other": ("Hình thức khác", "Other"),
}
LEVELS: Final = {
    "informational": ("Thông tin", "Informational"),
    "low": ("Thấp", "Low"),
    "medium": ("Trung bình", "Medium"),
    "high": ("Cao", "High"),
    "critical": ("Nghiêm trọng", "Critical"),
}
ENTITIES: Final = {
    "ip": "địa chỉ",
    "user": "tài khoản",
    "host": "máy",
    "token": "mã truy cập",
    "hash": "mã băm",
    "domain": "tên miền",
    "source": "nguồn nhật ký",
}
NAVIGATION: Final = Html(
    '<a href="/">Sự cố</a><a href="/openapi.yaml">OpenAPI</a>'
    '<form method="post" action="/logout"><button>Thoát <small lang="en">Sign out</small></button></form>'
)


class Pages:
    """Routes of the pages. They need the operator's session, made by the log-in form."""

    def __init__(self, *, store: Store, doors: Doors, now: Callable[[], Micros]) -> None:
        self._store, self._doors, self._now = store, doors, now
        self._attempts = Bucket(0.5, 10)

    def routes(self) -> list[web.RouteDef]:
        """For ``Application.add_routes``."""
        return [
            web.get("/", self.index),
            web.get("/incidents/{id}", self.incident),
            web.get("/login", self.form),
            web.post("/login", self.login),
            web.post("/logout", self.logout),
            web.get("/static/national.css", self.style),
        ]

    async def style(self, request: web.Request) -> web.Response:
        """GET /static/national.css"""
        return web.Response(body=static("national.css"), content_type="text/css", charset="utf-8")

    async def form(self, request: web.Request) -> web.Response:
        """GET /login"""
        return _page("Đăng nhập", fill("login", error=""), Html(""))

    async def login(self, request: web.Request) -> web.Response:
        """POST /login"""
        _same_origin(request)
        if wait := self._attempts.take(self._now()):
            raise Refusal(429, "Too many attempts to sign in.", headers={"Retry-After": str(int(wait) + 1)})
        token = (await request.post()).get("token", "")
        if not isinstance(token, str) or not self._doors.opens(token.strip()):
            wrong = tag("p", "Mã truy cập không đúng. / That is not the token.", class_="wrong", role="alert")
            return _page("Đăng nhập", fill("login", error=wrong), Html(""), 401)
        response = web.Response(status=303, headers={"Location": "/"})
        age = SESSION // SECOND
        response.set_cookie(
            COOKIE, self._doors.session(self._now()), max_age=age, httponly=True, samesite="Strict", secure=request.secure
        )
        return response

    async def logout(self, request: web.Request) -> web.Response:
        """POST /logout"""
        _same_origin(request)
        response = web.Response(status=303, headers={"Location": "/login"})
        response.del_cookie(COOKIE)
        return response

    async def index(self, request: web.Request) -> web.Response:
        """GET /: the latest changed first."""
        self._enter(request)
        text = request.query.get("before", "")
        before = int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 2**53
        entries, totals = await self._store.run(lambda db: (registry.newest(db, before, PAGE + 1), registry.totals(db)))
        more = Html("")
        if len(entries) > PAGE:
            older = tag("a", "Cũ hơn ", tag("small", "Older", lang="en"), href=f"/?before={entries[PAGE - 1].change}")
            more = tag("p", older, class_="more")
        content = fill("list", totals=_totals(totals), table=self._table(entries[:PAGE]), more=more)
        return _page("Sự cố", content, NAVIGATION)

    async def incident(self, request: web.Request) -> web.Response:
        """GET /incidents/{id}"""
        self._enter(request)
        id = request.match_info["id"]
        entry, receipts = await self._store.run(lambda db: (registry.find(db, id), registry.receipts(db, id)))
        return _page(entry.national_id, self._detail(entry, json.loads(entry.report), receipts), NAVIGATION)

    def _enter(self, request: web.Request) -> None:
        if not self._doors.has_session(request, self._now()):
            raise web.HTTPSeeOther("/login")

    def _table(self, entries: Sequence[Entry]) -> Html:
        if not entries:
            empty = "Chưa có sự cố nào được gửi tới. / No incident has been received yet."
            return tag("div", tag("p", empty, class_="empty"), class_="card")
        heads = [("Mã quốc gia", "National id"), ("Mức", "Grade"), ("Nội dung", "What"), ("Đơn vị", "From")]
        heads += [("Tiếp nhận (+07)", "Received"), ("Sau T0", "After T0")]
        return _rows(heads, [self._row(entry, json.loads(entry.report)) for entry in entries])

    def _row(self, entry: Entry, report: dict[str, Any]) -> Html:
        vi, en = _both(report["title"])
        link = tag("a", entry.national_id, href=f"/incidents/{entry.national_id}", class_="mono")
        return tag(
            "tr",
            tag("td", link, class_="fit"),
            tag("td", _badge(entry.severity), class_="fit"),
            tag("td", vi, tag("span", en, class_="en", lang="en"), class_="text"),
            tag("td", self._doors.names.get(entry.organisation, entry.organisation)),
            tag("td", to_local(entry.received_at), class_="fit"),
            tag("td", _delay(entry), class_="fit number"),
        )

    def _detail(self, entry: Entry, report: dict[str, Any], receipts: Sequence[dict[str, Any]]) -> Html:
        vi, en = _both(report["title"])
        why, why_en = _both(report["why"])
        first, last = to_local(moment(report["first_at"])), to_local(moment(report["last_at"]))
        return fill(
            "incident",
            national_id=entry.national_id,
            badge=_badge(entry.severity),
            headline=vi,
            headline_en=en,
            organisation=self._doors.names.get(entry.organisation, entry.organisation),
            kind=" / ".join(KINDS.get(entry.kind, (entry.kind,))),
            detected=to_local(entry.detected_at),
            received=to_local(entry.received_at),
            delay=f"{_delay(entry)} sau T0",
            updated=to_local(entry.updated_at),
            revision=entry.revision,
            span=first if first == last else f"{first} – {last}",
            local_id=report["local_id"],
            profile=report["profile"],
            tlp=report["tlp"],
            why=why,
            why_en=why_en,
            systems=_chips([(f"cấp {s['level']}" if s["level"] else "", s["name"] or s["code"]) for s in report["systems"]]),
            entities=_chips([(ENTITIES.get(e["kind"], e["kind"]), e["value"]) for e in report["entities"]]),
            alerts=_alerts(report["alerts"]),
            techniques=_chips([("", t) for t in report["techniques"]]),
            evidence=_evidence(report["evidence"]),
            receipts=_receipts(receipts),
        )


def _page(title: str, content: Html, navigation: Html, status: int = 200) -> web.Response:
    whole = fill("page", title=title, content=content, navigation=navigation)
    headers = {"Content-Security-Policy": POLICY}
    return web.Response(text=whole, status=status, content_type="text/html", charset="utf-8", headers=headers)


def _same_origin(request: web.Request) -> None:
    origin = request.headers.get("Origin", "null")
    if origin != "null" and origin.partition("://")[2] != request.host:
        raise Refusal(403, "This form may only be sent from this site.")


def _both(sentence: str) -> tuple[str, str]:
    vi, _, en = sentence.partition(" / ")
    return vi, en


def _badge(severity: str) -> Html:
    return tag("span", severity, class_=f"badge {severity.lower()}")


def _delay(entry: Entry) -> str:
    seconds = max(0.0, (entry.received_at - entry.detected_at) / SECOND)
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} phút" if seconds < 7200 else f"{seconds / 3600:.1f} giờ"


def _totals(totals: dict[str, int]) -> Html:
    names = (("M1", "đặc biệt nghiêm trọng"), ("M2", "nghiêm trọng"), ("M3", "thông thường"), ("M4", "ghi nhận"))
    shown = [(code, name) for code, name in names if code != "M4" or totals.get("M4")]
    return join(
        tag("li", tag("b", totals.get(code, 0), class_=code.lower()), tag("span", f"{code} · {name}")) for code, name in shown
    )


def _rows(heads: Sequence[tuple[str, str]], rows: Sequence[Html]) -> Html:
    head = tag("tr", *(tag("th", vi, tag("small", en, lang="en"), scope="col") for vi, en in heads))
    return tag("div", tag("table", tag("thead", head), tag("tbody", *rows)), class_="scroll")


def _chips(pairs: Sequence[tuple[str, str]]) -> Html:
    if not pairs:
        return tag("li", "không có / none", class_="quiet")
    return join(tag("li", tag("span", kind, class_="kind") if kind else Html(""), value) for kind, value in pairs)


def _alerts(alerts: Sequence[dict[str, Any]]) -> Html:
    heads = (("Thời điểm (+07)", "Happened"), ("Mức", "Level"), ("Quy tắc phát hiện", "Rule"), ("Số lần", "Count"))
    rows = [
        tag(
            "tr",
            tag("td", to_local(moment(a["happened_at"])), class_="fit"),
            tag("td", LEVELS[a["level"]][0], tag("span", LEVELS[a["level"]][1], class_="en", lang="en"), class_="fit"),
            tag("td", a["title"], class_="text"),
            tag("td", a["count"], class_="number"),
        )
        for a in alerts
    ]
    return _rows(heads, rows)


def _evidence(lines: Sequence[str]) -> Html:
    if not lines:
        return tag("p", "Không có trích đoạn. / No excerpt.", class_="quiet")
    return tag("ul", *(tag("li", line) for line in lines), class_="evidence card")


def _receipts(receipts: Sequence[dict[str, Any]]) -> Html:
    heads = (
        ("Bản", "Revision"),
        ("Lúc (UTC)", "Received"),
        ("Khoá", "Key"),
        ("SHA-256 nội dung", "Body"),
        ("Chữ ký", "Signature"),
    )
    rows = [
        tag(
            "tr",
            tag("td", r["revision"], class_="number"),
            tag("td", r["received_at"], class_="fit"),
            tag("td", r["key"], class_="mono"),
            tag("td", r["body_sha256"][:16] + "…", class_="mono", title=r["body_sha256"]),
            tag("td", r["signature"][:16] + "…", class_="mono", title=r["signature"]),
        )
        for r in receipts
    ]
    return _rows(heads, rows)
