import asyncio
import os
from pathlib import Path
from typing import Any

from backbone.clock import SystemClock
from collector.sources.stdin import Stdin


async def test_lines_until_the_end(inlet: Any) -> None:
    """Every line is durable when run returns, the last without newline too."""
    reading, writing = os.pipe()
    source = Stdin(name="stdin", inlet=inlet, clock=SystemClock(), descriptor=reading)
    task = asyncio.create_task(source.run(asyncio.Event()))
    os.write(writing, b"one\ntw")
    await asyncio.sleep(0.05)
    os.write(writing, b"o\r\n12 <13>three")
    os.close(writing)
    await asyncio.wait_for(task, 5)
    os.close(reading)
    assert inlet.lines == [b"one", b"two", b"12 <13>three"]


async def test_a_file_as_standard_input(inlet: Any, tmp_path: Path) -> None:
    """``vonggac … < file`` reads the file to its end."""
    (tmp_path / "f").write_bytes(b"".join(b"line %d\n" % n for n in range(50_000)))
    descriptor = os.open(tmp_path / "f", os.O_RDONLY)
    await Stdin(name="stdin", inlet=inlet, clock=SystemClock(), descriptor=descriptor).run(asyncio.Event())
    os.close(descriptor)
    assert inlet.lines == [b"line %d" % n for n in range(50_000)]


async def test_stop_ends_a_silent_input(inlet: Any, running: Any) -> None:
    """Nothing comes and nothing ends: stop is heard all the same, and what was begun is delivered."""
    reading, writing = os.pipe()
    async with running(Stdin(name="stdin", inlet=inlet, clock=SystemClock(), descriptor=reading)):
        os.write(writing, b"begun")
        await asyncio.sleep(0.3)
    os.close(reading)
    os.close(writing)
    assert inlet.lines == [b"begun"]
