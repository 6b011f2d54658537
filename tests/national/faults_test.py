"""Faults on purpose."""

import asyncio
from collections import Counter
from random import Random
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from national.faults import FaultMaker, Faults

RATE = st.floats(0, 1)


@given(error=RATE, timeout=RATE, storm=RATE, seed=st.integers(0, 9))
def test_rates_are_kept_and_counted(error: float, timeout: float, storm: float, seed: int) -> None:
    """Each fault comes about as often as asked, never when switched off, and every one is counted."""
    maker = FaultMaker(Faults(error=error, timeout=timeout, storm=storm), Random(seed).random)
    drawn = Counter(maker.draw() for _ in range(500))
    left = 1.0
    for name, rate in (("error", error), ("timeout", timeout), ("storm", storm)):
        assert drawn[name] == maker.counts[name]
        share, left = min(rate, left), max(0.0, left - rate)
        assert abs(drawn[name] / 500 - share) < 0.12
        assert rate or not drawn[name]


@pytest.mark.parametrize(
    ("faults", "status", "stored"),
    [({"error": 1}, 503, 0), ({"storm": 1, "retry_after": 7}, 429, 0), ({"slow": 1, "slow_seconds": 0.2}, 201, 1)],
)
async def test_what_each_does(start: Any, report: Any, faults: Any, status: int, stored: int) -> None:
    """5xx and 429 store nothing; slow stores late. All leave the rest of the server alone."""
    async with start(**faults) as national:
        began = asyncio.get_running_loop().time()
        got, headers, _ = await national.submit(report())
        assert got == status and headers.get("Retry-After") == ("7" if status == 429 else None)
        assert status != 201 or asyncio.get_running_loop().time() - began >= 0.2
        assert (await national.ask("GET", "/api/v1/keys", org=""))[0] == 200
        await switch(national)
        assert len((await national.ask("GET", "/api/v1/incidents"))[2]["incidents"]) == stored


async def switch(national: Any, **faults: Any) -> Any:
    return (await national.ask("POST", "/simulation/faults", faults, org=national.token))[2]


async def test_timeout_comes_after_the_commit(start: Any, report: Any) -> None:
    """The answer never comes though the report is stored; the repeat is replayed."""
    async with start(timeout=1, hang_seconds=0.2) as national:
        with pytest.raises(aiohttp.ClientError):
            await national.submit(report())
        assert (await switch(national))["counts"]["timeout"] == 1
        status, headers, _ = await national.submit(report())
        assert (status, headers["Idempotent-Replayed"]) == (201, "true")


async def test_hanging_answers_do_not_hold_up_the_end(start: Any, report: Any) -> None:
    """A server told to stop does so while it simulates a time-out of half a minute."""
    async with start(timeout=1, hang_seconds=30) as national:
        task = asyncio.create_task(national.submit(report()))
        await asyncio.sleep(0.2)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 5
    with pytest.raises((aiohttp.ClientError, asyncio.CancelledError, RuntimeError)):
        await task


async def test_only_the_operator_switches(national: Any) -> None:
    """The operator sets and reads faults; an organisation may not, and nonsense is refused with its place."""
    assert (await switch(national, error=0.5))["faults"]["error"] == 0.5
    assert (await national.ask("GET", "/simulation/faults", org=national.token))[2]["faults"]["error"] == 0.5
    assert (await national.ask("GET", "/simulation/faults"))[0] == 403
    assert (await national.ask("GET", "/simulation/faults", org=""))[0] == 401
    await switch(national)
    assert (await national.ask("GET", "/api/v1/incidents", org=national.token))[0] == 403
    status, _, said = await national.ask("POST", "/simulation/faults", {"error": 2, "x": 1}, org=national.token)
    assert status == 422 and {e["pointer"] for e in said["errors"]} == {"/error", "/x"}
