"""The page in a real browser."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Page, async_playwright, expect

from backbone.clock import ManualClock, SystemClock
from backbone.codec import encode
from backbone.memory_state import MemoryState
from backbone.ports import Commit, Put

sys.path.insert(0, str(Path(__file__).parent))
from sample import TOKEN, alert, sample_console

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SHOTS = Path(__file__).parents[2] / "var/screenshots"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (apt-get install chromium)"),
]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]


@pytest.fixture
async def opened() -> AsyncIterator[tuple[Page, MemoryState, ManualClock]]:
    clock = ManualClock(SystemClock().now())
    console, state = await sample_console(clock)
    stop = asyncio.Event()
    following = asyncio.create_task(console._live.run(stop))
    async with async_playwright() as play, TestServer(console.app()) as server:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(viewport={"width": 1360, "height": 820}, locale="vi-VN")
        page.set_default_timeout(10_000)
        await page.goto(str(server.make_url("/")))
        await page.fill("#token", TOKEN)
        await page.click("button[type=submit]")
        await page.wait_for_selector("#list li.M2")
        yield page, state, clock
        await browser.close()
        stop.set()
    await following


async def shoot(page: Page, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=SHOTS / f"{name}.png")


async def test_an_analyst_looks_around(opened: tuple[Page, MemoryState, ManualClock]) -> None:
    """By keyboard alone: incident, its alert, the events of an address; a new alert appears by itself; both languages."""
    page, state, clock = opened
    await page.keyboard.press("j")
    assert await page.locator("#detail h1").inner_text() == "Cửa hậu trên cổng dịch vụ công từ 203.0.113.2"
    assert "VN-2026-CM-000001" in await page.locator(".receipt").inner_text()
    await shoot(page, "incidents")
    await page.keyboard.press("2")
    await page.wait_for_selector("#list li.critical")
    made = alert(30, "critical", clock, "Ransomware note written")
    await state.commit(Commit(puts=(Put("alerts", made.id, encode(made), made.detected_at),)))
    await page.wait_for_selector("text=Ransomware note written", timeout=1000)
    await page.keyboard.press("j")
    assert await page.locator(".times dt").all_inner_texts() == ["Xảy ra", "Nhận", "Lưu", "Phát hiện"]
    await shoot(page, "alerts")
    await page.keyboard.press("3")
    await page.fill("#query", "c-ip:198.51.100.7")
    await page.keyboard.press("Enter")
    await expect(page.locator("#list li.event")).to_have_count(1)
    await page.locator("#list li.event").click()
    assert "sc-status" in await page.locator("#detail table").inner_text()
    await page.fill("#query", "")
    await page.keyboard.press("Enter")
    await expect(page.locator("#list li.event")).to_have_count(100)
    await shoot(page, "events")
    await page.click("#lang")
    assert await page.locator("#tab-incidents").inner_text() == "Incidents 2"
    await page.emulate_media(color_scheme="dark")
    await page.click("#tab-incidents")
    await page.keyboard.press("j")
    await shoot(page, "dark")


async def test_nothing_a_log_says_is_executed(opened: tuple[Page, MemoryState, ManualClock]) -> None:
    """Markup, scripts and direction marks planted in logs, titles and entities are shown as text on every view."""
    page, _, _ = opened
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    for key in "123":
        await page.keyboard.press(key)
        await page.locator("#list li[data-id]").first.wait_for()
        await page.keyboard.press("j")
        await page.wait_for_selector("#detail h1")
        assert "<script>" in await page.locator("#detail").inner_text()
        assert "\\u202e" in await page.locator("#detail").inner_text()
    assert await page.title() == "Vọng Gác"
    assert await page.locator("#main img, #main script").count() == 0
    assert errors == []


async def test_the_log_in_page(opened: tuple[Page, MemoryState, ManualClock]) -> None:
    """Leaving brings the log-in page; a wrong token says so."""
    page, _, _ = opened
    await page.click("#leave")
    await page.wait_for_selector("#token")
    await shoot(page, "login")
    await page.fill("#token", "not-the-right-token")
    await page.click("button[type=submit]")
    await page.wait_for_selector("#wrong:not([hidden])")


async def test_a_narrow_window_holds_the_page(opened: tuple[Page, MemoryState, ManualClock]) -> None:
    """On a telephone nothing stands outside the window, in both languages and with a line opened."""
    page, _, _ = opened
    await page.set_viewport_size({"width": 375, "height": 760})
    await page.keyboard.press("j")
    for _ in range(2):
        assert await page.evaluate("document.documentElement.scrollWidth") <= 375
        await page.click("#lang")
    await shoot(page, "narrow")
