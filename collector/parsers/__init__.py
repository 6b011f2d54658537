"""Every format we understand, listed by hand. Adding one is a file in this folder and one line in a table below.

PARSERS   format name → ``parse(text, context) -> Parsed``. The name is what ``Profile.format`` may say.
SHAPES    JSON formats: the text is decoded once, the first shape that fits the decoded object understands it.
PROGRAMS  syslog program → format of its message. Names are lower case, without path and pid; looked up whole first, then up to
          the first ``/``, then up to the first ``-`` (``postfix/smtpd`` → ``postfix``, ``sshd-session`` → ``sshd``).
SNIFFERS  what a text looks like when nobody said: (cheap test of the text, format name), tried in order, also on the message
          inside a syslog envelope. A test may be wrong: the parser's ParseError sends the text to the next one.
"""

from collections.abc import Callable
from typing import Any

from collector.parsers import json_lines, pam, sudo, windows
from collector.recipe import Context, Parsed, Parser

Document = dict[str, Any]
Shape = tuple[Callable[[Document], bool], Callable[[Document, Context], Parsed]]

# One line a JSON format: (module.shape, module.from_document). Rarest keys first; the most frequent formats on top.
SHAPES: list[Shape] = [
    (windows.shape, windows.from_document),
]


def parse_json(text: str, context: Context) -> Parsed:
    """One JSON object: by the first shape that fits, else flattened (``json``). ParseError when it is no object."""
    return parse_document(json_lines.decode(text), context)


def parse_document(document: Document, context: Context) -> Parsed:
    """A decoded object: by the first shape that fits and understands it, else flattened."""
    for fits, understand in SHAPES:
        if fits(document):
            return understand(document, context)
    return json_lines.from_document(document, context)


# One line a format. Formats made of others (syslog) say so in ``Parsed.message``; the normalizer goes on with that.
PARSERS: dict[str, Parser] = {
    "json": parse_json,
    "windows": windows.parse,
    "sshd": sshd.parse,
    "sudo": sudo.parse,
    "pam": pam.parse,
}

# One line a program (see above).
PROGRAMS: dict[str, str] = {
    "sshd": "sshd",
    "sudo": "sudo",
}

# One line a test, cheapest and surest first.
SNIFFERS: list[tuple[Callable[[str], bool], str]] = [
    (lambda text: text.startswith("{"), "json"),
    (lambda text: text.startswith(("<Event ", "<Event>", "<Events")), "windows"),
    (lambda text: text.startswith("pam_"), "pam"),
]
