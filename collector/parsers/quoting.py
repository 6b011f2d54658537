"""Quoted text as log writers escape it. Pure, linear in the length of the text."""

import re
from typing import Final

from model import ParseError

_ESCAPE: Final = re.compile(r"(?:\\x[0-9A-Fa-f]{2})+|\\.", re.DOTALL)
_VIS: Final = re.compile(r"(?:\\[0-7]{3})+|\\\\")
_CONTROL: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "v": "\v", "f": "\f"}


def quoted_end(text: str, start: int, quote: str = '"') -> int:
    """Index of the quote that closes what begins at ``start`` (after the opening one); -1 when none does."""
    end = text.find(quote, start)
    while end > start and text[end - 1] == "\\":
        back = end - 1
        while back > start and text[back - 1] == "\\":
            back -= 1
        if (end - back) % 2 == 0:
            return end
        end = text.find(quote, end + 1)
    return end


def quoted(text: str, start: int) -> tuple[str, int]:
    """The unescaped text of the ``"…"`` opening at ``start``, and the index after it. ParseError when it never closes."""
    end = quoted_end(text, start + 1) if text[start : start + 1] == '"' else -1
    if end < 0:
        raise ParseError("a quoted part is missing or never closes")
    value = text[start + 1 : end]
    return (unescape(value) if "\\" in value else value), end + 1


def unescape(text: str) -> str:
    r"""Undo the escapes of Apache and nginx: ``\"``, ``\\``, ``\n``…, ``\xHH``. Bytes that form no UTF-8 stay escaped."""
    return _ESCAPE.sub(_unescaped, text)


def _unescaped(match: re.Match[str]) -> str:
    found = match[0]
    if found[1] != "x" or len(found) < 4:
        return _CONTROL.get(found[1], found[1])
    try:
        return bytes.fromhex(found.replace("\\x", "")).decode()
    except UnicodeDecodeError:
        return found


def unvis(text: str) -> str:
    r"""Undo what OpenSSH does to its messages (``vis(3)`` with VIS_OCTAL): ``\304\221`` → ``đ``, ``\\`` → ``\``.

    Escapes of control characters, and bytes that form no UTF-8, stay as they are.
    """
    return _VIS.sub(_unvised, text)


def _unvised(match: re.Match[str]) -> str:
    found = match[0]
    if found == "\\\\":
        return "\\"
    try:
        plain = bytes(int(digits, 8) for digits in found[1:].split("\\")).decode()
    except (UnicodeDecodeError, ValueError):
        return found
    return plain if plain.isprintable() else found
