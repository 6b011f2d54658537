"""What an incident says in Vietnamese and English. Pure; plain text, never markup."""

from collections.abc import Sequence

from model import Entity, Level, System
from notifier.legal import Words

LEVEL = {
    "informational": Words("thông tin", "informational"),
    "low": Words("thấp", "low"),
    "medium": Words("trung bình", "medium"),
    "high": Words("cao", "high"),
    "critical": Words("nghiêm trọng", "critical"),
}
ENTITY = {
    "ip": Words("địa chỉ", "address"),
    "user": Words("tài khoản", "account"),
    "host": Words("máy", "host"),
    "token": Words("mã truy cập", "token"),
    "hash": Words("mã băm", "hash"),
    "domain": Words("tên miền", "domain"),
    "source": Words("nguồn nhật ký", "log source"),
}
LONGEST = 400


def title(kind: Words, alert: str, systems: Sequence[System], codes: Sequence[str], entities: Sequence[Entity]) -> str:
    """One sentence in both languages, joined by `` / ``: the kind, where, by whom, and the gravest alert's title.

    ``systems`` are the registered ones, gravest first; ``codes`` all codes, for systems the register does not know.
    """
    vi, en = _place(systems, codes, entities)
    actor = next((e for k in ("ip", "token", "user") for e in entities if e.kind == k and e.value), None)
    by_vi = f", liên quan {ENTITY[actor.kind].vi} {_cut(actor.value, 80)}" if actor else ""
    by_en = f", involving {ENTITY[actor.kind].en} {_cut(actor.value, 80)}" if actor else ""
    alert_vi, _, alert_en = _cut(alert, LONGEST).partition(" / ")
    return f"{kind.vi}{vi}{by_vi}: {alert_vi} / {kind.en}{en}{by_en}: {alert_en or alert_vi}"


def _place(systems: Sequence[System], codes: Sequence[str], entities: Sequence[Entity]) -> tuple[str, str]:
    more = max(0, len(codes) - 1)
    tail_vi, tail_en = (f" và {more} hệ thống khác", f" and {more} more") if more else ("", "")
    if systems:
        return f" tại {systems[0].name}{tail_vi}", f" at {systems[0].name_en}{tail_en}"
    if codes:
        return f" tại {codes[0]}{tail_vi}", f" at {codes[0]}{tail_en}"
    host = next((e.value for e in entities if e.kind == "host"), "")
    return (f" tại máy {_cut(host, 80)}", f" on host {_cut(host, 80)}") if host else ("", "")


def why(alerts: int, level: Level, shared: Sequence[tuple[str, int]], hours: float) -> str:
    """Why these alerts are one incident. ``shared`` are (link key, alerts it tied), most telling first."""
    if alerts == 1 or not shared:
        single = f"Một cảnh báo mức {LEVEL[level].vi}, chưa có cảnh báo nào khác liên quan."
        return f"{single} / One {level} alert, nothing else linked to it yet."
    vi, en = [], []
    for key, count in shared[:3]:
        kind, _, value = key.partition(":")
        vi.append(f"{ENTITY[kind].vi} {_cut(value, 80)} ({count} lần)")
        en.append(f"{ENTITY[kind].en} {_cut(value, 80)} ({count} times)")
    return (
        f"Gộp {alerts} cảnh báo cách nhau không quá {hours:g} giờ vì cùng {', '.join(vi)}. / "
        f"{alerts} alerts no more than {hours:g} h apart share {', '.join(en)}."
    )


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
