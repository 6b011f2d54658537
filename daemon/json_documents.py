"""JSON documents over many lines, one after another or in one array, read piece by piece: memory is that of one document."""

import codecs
import json
from collections.abc import Iterator
from typing import BinaryIO

MAX_DOCUMENT = 16 * 2**20
"""Longest document in characters."""
_PIECE = 2**16
_BETWEEN = " \t\r\n,"


class BadJsonError(ValueError):
    """Not JSON. ``line`` is where (1-based)."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def documents(first: bytes, stream: BinaryIO, line: int = 1) -> Iterator[bytes]:
    """Each document, or each element of an outermost array, as it was written. BadJsonError for what is none.

    ``first`` is what was read already; it begins in ``line``.
    """
    return iter(_Reader(first, stream, line))


class _Reader:
    def __init__(self, first: bytes, stream: BinaryIO, line: int) -> None:
        self._decoder = json.JSONDecoder()
        self._decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode
        self._stream, self._line = stream, line
        self._text, self._place, self._ended = self._decode(first), 0, False

    def __iter__(self) -> Iterator[bytes]:
        depth = 0
        while True:
            self._skip(_BETWEEN)
            if self._place == len(self._text):
                if depth:
                    raise self._bad("the array does not end")
                return
            mark = self._text[self._place]
            if mark == "[" and not depth:
                depth, self._place = 1, self._place + 1
            elif mark == "]" and depth:
                depth, self._place = 0, self._place + 1
            else:
                yield self._value().encode("utf-8", "backslashreplace")

    def _skip(self, marks: str) -> None:
        while True:
            while self._place < len(self._text) and self._text[self._place] in marks:
                self._place += 1
            if self._place < len(self._text) or not self._more():
                return

    def _value(self) -> str:
        """The text of the next value; more is read, twice as much each time, while it may only be cut off."""
        while True:
            try:
                _, end = self._decoder.raw_decode(self._text, self._place)
            except json.JSONDecodeError as error:
                if len(self._text) - self._place > MAX_DOCUMENT:
                    raise self._bad(f"a JSON document of more than {MAX_DOCUMENT >> 20} Mi characters") from None
                if not self._more():
                    raise self._bad(f"not JSON: {error.msg}", error.pos) from None
            except RecursionError:
                raise self._bad("JSON nested too deeply") from None
            except ValueError:
                raise self._bad("a number of too many digits") from None
            else:
                if end < len(self._text) or not self._more():
                    value, self._place = self._text[self._place : end], end
                    return value

    def _more(self) -> bool:
        """Read on and forget what was passed; False, and nothing moved, at the end."""
        if self._ended:
            return False
        data = self._stream.read(max(_PIECE, len(self._text) - self._place))
        if not data:
            self._ended = True
            self._text += self._decode(b"", True)
            return False
        self._line += self._text.count("\n", 0, self._place)
        self._text, self._place = self._text[self._place :] + self._decode(data), 0
        return True

    def _bad(self, message: str, place: int | None = None) -> BadJsonError:
        return BadJsonError(message, self._line + self._text.count("\n", 0, self._place if place is None else place))
