"""The process that compiles rules."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def order(target: Path) -> bytes:
    return json.dumps({"paths": [str(ROOT / "rules")], "target": str(target), "placeholders": {}}).encode()


def test_it_tells_how_far_it_is(tmp_path: Path) -> None:
    """Lines of progress on standard output, the compiled rules in the file named."""
    done = subprocess.run(
        [sys.executable, "-m", "correlator.compiling"], cwd=ROOT, input=order(tmp_path / "r"), capture_output=True, check=True
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"load", "compile"} <= {what for what, _, _ in told} and all(number <= of for _, number, of in told)
    assert (tmp_path / "r").stat().st_size > 10_000


def test_it_ends_quietly_when_nobody_listens_any_more(tmp_path: Path) -> None:
    """A correlator that is stopped while rules compile leaves no process and no traceback behind."""
    line = [sys.executable, "-m", "correlator.compiling"]
    with subprocess.Popen(line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdin and child.stdout and child.stderr
        child.stdout.close()
        child.stdin.write(order(tmp_path / "r"))
        child.stdin.close()
        assert child.wait(30) == 1
        assert child.stderr.read() == b""
