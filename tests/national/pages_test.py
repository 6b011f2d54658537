"""The operator's pages."""

import re
from typing import Any

import aiohttp

NASTY = "<script>alert(1)</script>\"'&\0\x1b"


async def enter(national: Any) -> Any:
    """Sign in; a session with the cookie."""
    jar = aiohttp.CookieJar(unsafe=True)
    session = aiohttp.ClientSession(cookie_jar=jar)
    async with session.post(f"{national.base}/login", data={"token": national.token}, allow_redirects=False) as answer:
        assert answer.status == 303
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and national.token not in cookie
    return session


async def test_pages_need_the_operator(national: Any) -> None:
    """Without a session every page leads to the form; a wrong token, a forged or an old cookie does not open."""
    for place in ("/", "/incidents/VN-2026-CM-000001"):
        status, headers, _ = await national.ask("GET", place, org="")
        assert (status, headers["Location"]) == (303, "/login")
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    status, _, text = await national.ask("POST", "/login", b"token=wrong", org="", **form)
    assert status == 401 and "không đúng" in text
    assert (await national.ask("POST", "/login", b"token=x", org="", Origin="https://evil.example", **form))[0] == 403
    for cookie in ("", "9999999999999999.abc", "\u00b2.x", "a" * 4000):
        assert (await national.ask("GET", "/", org="", Cookie=f"national_session={cookie}"))[0] == 303
    session = await enter(national)
    async with session, session.get(f"{national.base}/") as answer:
        assert answer.status == 200
        national.now += 13 * 3600 * 1_000_000
        async with session.get(f"{national.base}/", allow_redirects=False) as later:
            assert later.status == 303


async def test_guessing_is_slowed(national: Any) -> None:
    """After ten wrong tokens in a row the form answers 429."""
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    answers = [(await national.ask("POST", "/login", b"token=wrong", org="", **form))[0] for _ in range(12)]
    assert answers == [401] * 10 + [429] * 2


async def test_everything_is_escaped_and_says_what_it_is(national: Any, report: Any) -> None:
    """Hostile text of a report shows as text; the pages say they are a simulation, carry a strict policy and no script."""
    alert = report()["alerts"][0] | {"title": NASTY}
    system = {"code": NASTY, "name": NASTY, "level": 3}
    changes = {"title": f"{NASTY} / {NASTY}", "why": NASTY, "evidence": [NASTY], "entities": [{"kind": NASTY, "value": NASTY}]}
    status, _, said = await national.submit(report(**changes, alerts=[alert], systems=[system]))
    assert status == 201
    async with await enter(national) as session:
        for place in ("/", f"/incidents/{said['national_id']}"):
            async with session.get(national.base + place) as answer:
                text = await answer.text()
                assert answer.status == 200 and "<script" not in text and "\0" not in text and "\x1b" not in text
                assert "&lt;script&gt;" in text and "Mô phỏng" in text and "Simulation" in text
                assert "Cà Mau &lt;Sở&gt;" in text and said["national_id"] in text
                policy = answer.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy and "unsafe" not in policy
                assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)


async def test_list_and_detail(national: Any, report: Any) -> None:
    """The list pages through all, newest first; the detail shows T0, receipts and evidence; an unknown id is 404."""
    for n in range(51):
        await national.submit(report(f"i{n}"), key=f"k{n}")
    async with await enter(national) as session:
        async with session.get(f"{national.base}/") as answer:
            first = await answer.text()
        assert first.count('href="/incidents/') == 50 and "000051" in first and "VN-2026-CM-000001<" not in first
        older = re.findall(r'href="(/\?before=\d+)"', first)
        async with session.get(national.base + older[0]) as answer:
            assert (await answer.text()).count('href="/incidents/') == 1
        async with session.get(f"{national.base}/incidents/VN-2026-CM-000007") as answer:
            text = await answer.text()
            assert "21/11/2026 07:00:00" in text and "Web shell" in text and "GET /x" in text and "Ed25519" not in text
        async with session.get(f"{national.base}/incidents/none") as answer:
            assert answer.status == 404
        async with session.get(f"{national.base}/?before=x") as answer:
            assert answer.status == 200
        async with session.get(f"{national.base}/static/national.css") as answer:
            assert answer.content_type == "text/css"
        async with session.post(f"{national.base}/logout") as answer:
            assert "login" in str(answer.url)
        async with session.get(f"{national.base}/", allow_redirects=False) as answer:
            assert answer.status == 303
