"""The child process that compiles rules: ``python -m correlator.compiling`` with one JSON order on standard input.

Order: ``{"paths": […], "target": file, "placeholders": {name: […]}}``. It prints lines ``["what", done, of]`` and writes
``target``.
"""

import json
import os
import sys
from pathlib import Path

from correlator.cache import write
from correlator.compile import compile_rules
from correlator.load import files, load


def main() -> None:
    """Do one order."""

    def tell(what: str, done: int, total: int) -> None:
        try:
            sys.stdout.write(json.dumps([what, done, total]) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            os._exit(1)  # who ordered is gone: nobody waits for the rules or reads a traceback

    order = json.load(sys.stdin)
    contents = list(files([Path(path) for path in order["paths"]]))
    loaded = load(contents, order["placeholders"], tell)
    write(Path(order["target"]), compile_rules(loaded, tell))


if __name__ == "__main__":
    main()
