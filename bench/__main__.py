"""``python -m bench [section …] [--quick]``: measure, say, and write ``docs/benchmarks.md``."""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Final

from bench import file_alert, kills, latency, machine, memory, parts, report, syslog
from bench.house import ROOT

SECTIONS: Final = {module.NAME: module for module in (file_alert, syslog, latency, memory, kills, parts)}
DOCUMENT: Final = ROOT / "docs/benchmarks.md"


def main() -> int:
    """1 when a goal was not met."""
    wanted = argparse.ArgumentParser(prog="python -m bench", description="Measure, and write docs/benchmarks.md.")
    wanted.add_argument("sections", nargs="*", metavar="section", help=f"of {', '.join(SECTIONS)}; all when none is named")
    wanted.add_argument("--quick", action="store_true", help="shorter runs, for a first look; writes nothing")
    wanted.add_argument("--folder", type=Path, default=ROOT, help="where the houses are built: on the disk to measure")
    asked = wanted.parse_args()
    if unknown := [name for name in asked.sections if name not in SECTIONS]:
        wanted.error(f"no section is called {unknown[0]}; there are {', '.join(SECTIONS)}")
    missed = 0
    for name in asked.sections or SECTIONS:
        with tempfile.TemporaryDirectory(prefix=".bench-", dir=asked.folder) as folder:
            where = f"{machine.describe(Path(folder))}; {machine.load()}"
            section = SECTIONS[name].run(Path(folder), asked.quick)
        print(f"\n{report.render(section)}\n\n{where}.", flush=True)
        missed += sum(row.met is False for row in section.rows)
        if not asked.quick:
            report.write(DOCUMENT, section, where)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
