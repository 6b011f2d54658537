"""Bytes → text. Pure; never fails, never loses a byte's worth of meaning, never yields a lone surrogate.

UTF-8 is the fast path. A byte-order mark says UTF-16; NULs in every second byte say it too. Bytes that are no UTF-8 are read
as Windows-1258 or TCVN3 when the profile says so or when they read as Vietnamese syllables; else each bad byte becomes
``\\xHH`` and the record is tagged ``encoding:invalid``. NUL stays U+0000 (JSON can hold it). A byte-order mark is dropped.

Sources: Microsoft code page 1258; TCVN 5712:1993, whose VN3 set ("TCVN3", the ABC fonts) is a part of VN1 used here.
"""

import codecs
import re
from typing import Final
from unicodedata import combining, normalize

ENCODINGS: Final = ("auto", "utf-8", "windows-1258", "tcvn3", "utf-16")
SAMPLE: Final = 4096
"""Bytes looked at to tell Vietnamese legacy encodings apart."""

_UPPER: Final = (
    "ÀẢÃÁẠẶẬÈẺẼÉẸỆÌỈĨ"
    "ÍỊÒỎÕÓỌỘỜỞỠỚỢÙỦŨ"
    "\u00a0ĂÂÊÔƠƯĐăâêôơưđẰ"
    "\u0300\u0309\u0303\u0301\u0323àảãáạẲằẳẵắẴ"
    "ẮẦẨẪẤỀặầẩẫấậèỂẻẽ"
    "éẹềểễếệìỉỄẾỒĩíịò"
    "Ổỏõóọồổỗốộờởỡớợù"
    "ỖủũúụừửữứựỳỷỹýỵỐ"
)
"""TCVN 5712:1993 VN1, 0x80–0xFF. The capitals that VN1 puts on control codes are left out: those bytes mean control here."""


def _words(*lines: str) -> list[str]:
    return " ".join(lines).split()


TCVN3: Final = "".join(map(chr, range(128))) + _UPPER
_HIGH: Final = b"\x00\x01\x02\x03\x1e\x20"
_WORD: Final = re.compile(r"[^\W\d_]+")
_NUCLEI: Final = frozenset(
    _words(
        "a ă â e ê i o ô ơ u ư y ai ao au ay âu ây eo êu ia iê iu oa oă oe oi oo ôi ơi ua uâ uê ui uô uơ uy ưa ưi ươ ưu yê",
        "oai oay oao oeo uây uôi uya uyê uyu ươi ươu iêu yêu",
    )
)
_VOWELS: Final = frozenset("aăâeêioôơuưy")
_TONES: Final = frozenset("\u0300\u0301\u0303\u0309\u0323")
_ONSETS: Final = frozenset(_words("b c ch d đ g gh gi h k kh l m n ng ngh nh p ph qu r s t th tr v x")) | {""}
_CODAS: Final = frozenset(_words("c ch m n ng nh p t")) | {""}


def decode(data: bytes, encoding: str = "auto") -> tuple[str, tuple[str, ...]]:
    """The text of ``data`` and tags: ``encoding:<name>`` when it was not UTF-8, ``encoding:invalid`` when bytes were escaped."""
    try:
        if encoding in {"auto", "utf-8"} and b"\0" not in data:
            text = data.decode()
            return (text[1:] if text[:1] == "\ufeff" else text), ()
    except UnicodeDecodeError:
        pass
    if encoding == "auto":
        encoding = _guess(data)
    if encoding == "windows-1258":
        found = _strict(data, "cp1258")
    elif encoding == "tcvn3":
        found = codecs.charmap_decode(data, "strict", TCVN3)[0]
    elif encoding == "utf-16":
        big = data[:2] == b"\xfe\xff" or _are_high(data[:SAMPLE:2], data[1:SAMPLE:2])
        found = _strict(data, "utf-16-be" if big else "utf-16-le")
    else:
        found = _strict(data, "utf-8")
        encoding = ""
    if found is None:
        return data.decode("utf-8", "backslashreplace"), ("encoding:invalid",)
    return found.removeprefix("\ufeff"), (f"encoding:{encoding}",) if encoding else ()


def _strict(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return None


def _guess(data: bytes) -> str:
    """Which encoding these bytes are in; ``utf-8`` when nothing speaks for another one."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return "utf-16"
    if _are_high(data[1:SAMPLE:2], data[:SAMPLE:2]) or _are_high(data[:SAMPLE:2], data[1:SAMPLE:2]):
        return "utf-16"
    if _strict(data, "utf-8") is not None:
        return "utf-8"
    sample = data[:SAMPLE]
    western = _strict(sample, "cp1258")
    scores = {"windows-1258": _score(western) if western is not None else 0}
    scores["tcvn3"] = _score(codecs.charmap_decode(sample, "strict", TCVN3)[0])
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] > 0 else "utf-8"


def _are_high(high: bytes, low: bytes) -> bool:
    """Whether these are the high and low bytes of Latin and Vietnamese letters in UTF-16 without a mark."""
    known = sum(high.count(byte) for byte in _HIGH)
    return len(high) > 3 and known * 10 >= len(high) * 9 and high.count(0) * 5 >= len(high) * 2 and low.count(0) * 10 < len(low)


def _score(text: str) -> int:
    """Words with marks that are Vietnamese syllables, minus three for each stray sign: ≤ 0 means this is not Vietnamese."""
    score = 0
    text = normalize("NFC", text)
    for word in _WORD.findall(text):
        if not word.isascii():
            score += 1 if is_syllable(word) else -2
    stray = sum(1 for sign in text if sign > "\x7f" and not sign.isalpha() and sign not in "\u00a0–—“”‘’…")
    control = sum(1 for sign in text if sign < " " and sign not in "\t\r\n\x1b")
    return score - 3 * stray - 2 * control


def is_syllable(word: str) -> bool:
    """Whether ``word`` (NFC) can be one Vietnamese syllable: onset, nucleus of known vowels, at most one tone, coda.

    A capital after a small letter does not occur in one: ``D¦¬ng`` read with the wrong table does.
    """
    if len(word) > 7 or not (word.islower() or word.isupper() or word.istitle()):
        return False
    base, tones = _without_tone(word.lower())
    first = next((i for i, letter in enumerate(base) if letter in _VOWELS), len(base))
    if base[:2] in {"qu", "gi"} and base[2:3] and base[2] in _VOWELS:
        first = 2
    last = first
    while last < len(base) and base[last] in _VOWELS:
        last += 1
    return tones <= 1 and base[:first] in _ONSETS and base[first:last] in _NUCLEI and base[last:] in _CODAS


def _without_tone(word: str) -> tuple[str, int]:
    """The letters of ``word`` without tone marks (but with ă, â, ê, ô, ơ, ư), and how many tones there were."""
    apart = normalize("NFD", word)
    kept = "".join(sign for sign in apart if not (combining(sign) and sign in _TONES))
    return normalize("NFC", kept), len(apart) - len(kept)
