"""``kill -9`` at random moments: runs the fault tests, which send the load, kill and count."""

import os
import re
import subprocess
import sys
from pathlib import Path

from bench.house import ROOT
from bench.report import Row, Section

NAME, TITLE = "kills", "`kill -9` at random moments, under load"


def run(folder: Path, quick: bool) -> Section:
    """50 kills (10 when ``quick``), as ``tests/faults/kill_test.py`` makes them."""
    test = ROOT / "tests/faults/kill_test.py"
    if not test.exists():
        return Section(NAME, TITLE, (), skipped="tests/faults/kill_test.py is not there")
    kills = 10 if quick else 50
    line = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", f"--basetemp={folder / 'kills'}", str(test)]
    environment = os.environ | {"VONGGAC_KILLS": str(kills)}
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    counts = [" ".join(row.split()) for row in said.splitlines() if row.startswith("counted: ")]
    ending = said.strip().splitlines()[-1] if said.strip() else "nothing was printed"
    rows = (
        Row(
            "acknowledged or written records lost; stored twice; duplicate alerts",
            _verdict(done.returncode),
            "0; 0; 0",
            done.returncode == 0,
        ),
        Row("kills", str(kills)),
        Row("the tests' own summary", ending.strip("= ")),
    )
    return Section(NAME, TITLE, rows, tuple(count.removeprefix("counted: ") for count in counts))


def _verdict(code: int) -> str:
    return "0; 0; 0" if code == 0 else "not so: run the tests to see"
