"""The legal profile of a configuration."""

import re

from daemon.lines import read
from daemon.load import Configuration
from daemon.shipped import shipped
from model import ConfigError, Problem, ProblemsError
from notifier.legal import Legal, parse

_PLACE = re.compile(r"`\$([^`]*)`")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def load_legal(configuration: Configuration) -> Legal:
    """The profile named in ``notifier.legal``: from ``legal/`` beside the settings, or as shipped. ProblemsError."""
    name = configuration.settings.notifier.legal
    folder = shipped(configuration.folder, "legal")
    file = folder / f"{name}.yml"
    if not file.is_file():
        known = ", ".join(sorted(f.stem for f in folder.glob("*.yml"))) or "none"
        line = configuration.lines.of(("notifier", "legal"))
        raise ProblemsError([Problem(str(configuration.file), line, f"no legal profile `{name}`", f"there are: {known}")])
    _, lines = read(file)
    try:
        return parse(file.read_text("utf-8"), str(file))
    except ConfigError as error:
        message = str(error).removeprefix(f"{file}: ")
        raise ProblemsError([Problem(str(file), lines.of(_path(message)), message)]) from None


def _path(message: str) -> tuple[str | int, ...]:
    """The place msgspec names in a message (``… - at `$.grading[0].severity```)."""
    found = _PLACE.search(message)
    return tuple(name or int(number) for name, number in _STEP.findall(found[1])) if found else ()
