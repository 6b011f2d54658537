"""What Sigma's words mean here: every corner where engines disagree, decided by the specification and pinned.

Each case runs three times: with Hyperscan, without it, and by the naive evaluator.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from correlator import oracle, patterns
from correlator.compile import compile_rules
from correlator.load import load
from correlator.match import Compiled, Matcher
from model import Event, LogSource

# (what it is about, detection as YAML, fields of the event, does it match)
Case = tuple[str, str, dict[str, Any], bool]

TEXT: list[Case] = [
    ("equal ignores case", "s: {a: CMD.exe}", {"a": "cmd.EXE"}, True),
    ("equal is the whole value", "s: {a: cmd}", {"a": "cmd.exe"}, False),
    ("equal keeps blanks", "s: {a: cmd}", {"a": "cmd "}, False),
    ("field names keep case", "s: {LogonId: x}", {"LogonID": "x"}, False),
    ("case beyond ASCII", "s: {a: ĐƯỜNG}", {"a": "đường"}, True),
    ("case beyond ASCII within", "s: {'a|contains': Ệ}", {"a": "tệp tin"}, True),
    ("Greek sigma at a word's end", "s: {'a|startswith': ΟΔΟΣ}", {"a": "οδοσσ"}, True),
    ("sharp s stays one letter", "s: {a: 'stra?e'}", {"a": "STRAßE"}, True),
    ("sharp s is not ss", "s: {a: strasse}", {"a": "straße"}, False),
    ("dotted capital I is one character", "s: {a: 'x?y'}", {"a": "xİy"}, True),
    ("composed against decomposed", "s: {'a|contains': tệp}", {"a": "te\u0323\u0302p.doc"}, True),
    ("cased", "s: {'a|cased': Cmd}", {"a": "Cmd"}, True),
    ("cased differs", "s: {'a|cased': Cmd}", {"a": "cmd"}, False),
    ("cased contains", "s: {'a|contains|cased': Cmd}", {"a": "x Cmd y"}, True),
    ("cased contains differs", "s: {'a|contains|cased': Cmd}", {"a": "x CMD y"}, False),
    ("cased beyond ASCII", "s: {'a|contains|cased': Đ}", {"a": "đ"}, False),
    ("contains at the start", "s: {'a|contains': ab}", {"a": "abc"}, True),
    ("contains needs all", "s: {'a|contains|all': [ab, cd]}", {"a": "cd ab"}, True),
    ("contains all lacks one", "s: {'a|contains|all': [ab, cd]}", {"a": "cd"}, False),
    ("contains any", "s: {'a|contains': [zz, cd]}", {"a": "cd"}, True),
    ("startswith", "s: {'a|startswith': ab}", {"a": "ABc"}, True),
    ("startswith is no contains", "s: {'a|startswith': ab}", {"a": "xab"}, False),
    ("endswith", "s: {'a|endswith': '\\cmd.exe'}", {"a": "C:\\CMD.EXE"}, True),
    ("endswith before a newline", "s: {'a|endswith': x}", {"a": "x\n"}, False),
    ("contains of nothing matches any text", "s: {'a|contains': ''}", {"a": "x"}, True),
    ("contains of nothing needs the field", "s: {'a|contains': ''}", {"b": "x"}, False),
    ("NUL byte in a value", "s: {'a|contains': b}", {"a": "a\0b"}, True),
    ("emoji", "s: {a: '?x'}", {"a": "😀x"}, True),
    ("lone surrogate does no harm", "s: {'a|endswith': x}", {"a": "\ud800x"}, True),
]
WILD: list[Case] = [
    ("star", "s: {a: 'a*c'}", {"a": "abbbc"}, True),
    ("star is also nothing", "s: {a: 'a*c'}", {"a": "ac"}, True),
    ("star keeps both ends", "s: {a: 'a*c'}", {"a": "abcd"}, False),
    ("star does not use a letter twice", "s: {a: 'ab*ba'}", {"a": "aba"}, False),
    ("star across newlines", "s: {a: 'a*c'}", {"a": "a\n\r\nc"}, True),
    ("question mark is one", "s: {a: 'a?c'}", {"a": "abc"}, True),
    ("question mark is not nothing", "s: {a: 'a?c'}", {"a": "ac"}, False),
    ("question mark is not two", "s: {a: 'a?c'}", {"a": "abbc"}, False),
    ("question mark takes a newline", "s: {a: 'a?c'}", {"a": "a\nc"}, True),
    ("question mark takes a Vietnamese letter", "s: {a: 't?p'}", {"a": "tệp"}, True),
    ("star alone is any value", "s: {a: '*'}", {"a": ""}, True),
    ("star alone needs the field", "s: {a: '*'}", {"b": "x"}, False),
    ("star alone needs a value", "s: {a: '*'}", {"a": None}, False),
    ("question mark and star need a character", "s: {a: '?*'}", {"a": ""}, False),
    ("stars in a row", "s: {a: 'a***c'}", {"a": "abc"}, True),
    ("wildcard in contains", "s: {'a|contains': 'b*d'}", {"a": "a b c d e"}, True),
    ("wildcard in startswith", "s: {'a|startswith': 'a?c'}", {"a": "abcd"}, True),
    ("wildcard in endswith", "s: {'a|endswith': 'a*c'}", {"a": "xxabbc"}, True),
    ("escaped star", "s: {a: 'a\\*c'}", {"a": "a*c"}, True),
    ("escaped star is no wildcard", "s: {a: 'a\\*c'}", {"a": "abc"}, False),
    ("escaped question mark", "s: {a: 'a\\?'}", {"a": "a?"}, True),
    ("escaped question mark is no wildcard", "s: {a: 'a\\?'}", {"a": "ab"}, False),
    ("backslash, then wildcard", "s: {a: 'C:\\\\*'}", {"a": "C:\\temp"}, True),
    ("backslash, then wildcard needs the backslash", "s: {a: 'C:\\\\*'}", {"a": "C:temp"}, False),
    ("backslash and star, both plain", "s: {a: 'a\\\\\\*'}", {"a": "a\\*"}, True),
    ("one backslash is a backslash", "s: {a: 'a\\b'}", {"a": "a\\b"}, True),
    ("two backslashes are one", "s: {a: 'a\\\\b'}", {"a": "a\\b"}, True),
    ("four backslashes are two", "s: {a: '\\\\\\\\srv'}", {"a": "\\\\srv"}, True),
    ("backslash at the end", "s: {'a|contains': 'temp\\'}", {"a": "c:\\temp\\x"}, True),
    ("brackets are plain", "s: {'a|contains': '[a-z]'}", {"a": "b"}, False),
    ("brackets match themselves", "s: {'a|contains': '[a-z]*{2}'}", {"a": "x[a-z]y{2}"}, True),
    ("dots, carets, dollars are plain", "s: {a: '^a.b$|(c)+'}", {"a": "^A.B$|(C)+"}, True),
]
ABSENT: list[Case] = [
    ("null and missing", "s: {a: null}", {"b": "x"}, True),
    ("null and null", "s: {a: null}", {"a": None}, True),
    ("null and empty text", "s: {a: null}", {"a": ""}, False),
    ("null and text", "s: {a: null}", {"a": "x"}, False),
    ("null and zero", "s: {a: null}", {"a": 0}, False),
    ("null and false", "s: {a: null}", {"a": False}, False),
    ("empty text", "s: {a: ''}", {"a": ""}, True),
    ("empty text is not missing", "s: {a: ''}", {"b": "x"}, False),
    ("empty text is not null", "s: {a: ''}", {"a": None}, False),
    ("empty text is not a blank", "s: {a: ''}", {"a": " "}, False),
    ("null or text", "s: {a: [null, x]}", {}, True),
    ("null or text, text", "s: {a: [null, x]}", {"a": "X"}, True),
    ("not null", "s: {b: x}\n  f: {a: null}\n  condition: s and not f", {"b": "x", "a": "y"}, True),
    ("empty list in a rule is null", "s: {a: []}", {}, True),
    ("empty list in a rule is no text", "s: {a: []}", {"a": "x"}, False),
    ("empty list in an event is null", "s: {a: null}", {"a": []}, True),
    ("empty list in an event matches no text", "s: {'a|contains': ''}", {"a": []}, False),
    ("exists", "s: {'a|exists': true}", {"a": "x"}, True),
    ("exists on null", "s: {'a|exists': true}", {"a": None}, True),
    ("exists on empty", "s: {'a|exists': true}", {"a": ""}, True),
    ("exists on an empty list", "s: {'a|exists': true}", {"a": []}, True),
    ("exists on missing", "s: {'a|exists': true}", {"b": 1}, False),
    ("exists not", "s: {'a|exists': false}", {"b": 1}, True),
    ("exists not, but there", "s: {'a|exists': false}", {"a": None}, False),
    ("neq", "s: {'a|neq': x}", {"a": "y"}, True),
    ("neq ignores case", "s: {'a|neq': x}", {"a": "X"}, False),
    ("neq on a missing field", "s: {'a|neq': x}", {"b": "y"}, True),
    ("neq of several", "s: {'a|neq': [x, y]}", {"a": "y"}, False),
    ("neq contains", "s: {'a|contains|neq': x}", {"a": "axb"}, False),
]
LISTS: list[Case] = [
    ("any element", "s: {a: x}", {"a": ["y", "X"]}, True),
    ("no element", "s: {a: x}", {"a": ["y", "z"]}, False),
    ("number among elements", "s: {a: 7}", {"a": ["y", 7]}, True),
    ("all over different elements", "s: {'a|contains|all': [ab, cd]}", {"a": ["xab", "cdx"]}, True),
    ("null element", "s: {a: null}", {"a": [None, "x"]}, True),
    ("list inside a list", "s: {a: x}", {"a": [["x"]]}, True),
    ("dotted name, flat", "s: {a.b: x}", {"a.b": "x"}, True),
    ("dotted name, nested", "s: {a.b.c: x}", {"a": {"b": {"c": "X"}}}, True),
    ("dotted name, half nested", "s: {a.b.c: x}", {"a.b": {"c": "x"}}, True),
    ("dotted name through a list", "s: {a.b: y}", {"a": [{"b": "x"}, {"b": "y"}]}, True),
    ("dotted name missing is null", "s: {a.b: null}", {"a": {"c": 1}}, True),
    ("mapping is no text", "s: {'a|contains': x}", {"a": {"b": "x"}}, False),
    ("what holds others exists", "s: {'a|exists': true}", {"a.b.c": "x"}, True),
    ("what holds others is not null", "s: {a.b: null}", {"a.b.c": "x"}, False),
    ("what holds nothing is null", "s: {a.c: null}", {"a.b.c": "x"}, True),
    ("mapping exists", "s: {'a|exists': true}", {"a": {"b": "x"}}, True),
    ("flat name wins over nested", "s: {a.b: x}", {"a.b": "x", "a": {"b": "y"}}, True),
]
NUMBERS: list[Case] = [
    ("number and number", "s: {a: 42}", {"a": 42}, True),
    ("number and text", "s: {a: 42}", {"a": "42"}, True),
    ("text and number", "s: {a: '42'}", {"a": 42}, True),
    ("whole float", "s: {a: 42}", {"a": 42.0}, True),
    ("another number", "s: {a: 42}", {"a": 420}, False),
    ("float", "s: {a: 1.5}", {"a": "1.5"}, True),
    ("a number within a number", "s: {'a|contains': 68}", {"a": 4688}, True),
    ("a number at the end", "s: {'a|endswith': 443}", {"a": "10.0.0.1:443"}, True),
    ("a number at the start of a list", "s: {'a|startswith': [1, 46]}", {"a": "4688"}, True),
    ("a date without quotes is text", "s: {a: 2026-11-21}", {"a": "2026-11-21"}, True),
    ("contains in a number", "s: {'a|startswith': '46'}", {"a": 4688}, True),
    ("true and true", "s: {a: true}", {"a": True}, True),
    ("true and text", "s: {a: true}", {"a": "True"}, True),
    ("text and true", "s: {a: 'true'}", {"a": True}, True),
    ("true is not 1", "s: {a: true}", {"a": 1}, False),
    ("1 is not true", "s: {a: 1}", {"a": True}, False),
    ("0 is not false", "s: {a: 0}", {"a": False}, False),
    ("hexadecimal text is text", "s: {a: '0x17'}", {"a": 23}, False),
    ("big number", "s: {a: 18446744073709551615}", {"a": 18446744073709551615}, True),
    ("gt", "s: {'a|gt': 5}", {"a": 6}, True),
    ("gt equal", "s: {'a|gt': 5}", {"a": 5}, False),
    ("gte", "s: {'a|gte': 5}", {"a": "5"}, True),
    ("lt", "s: {'a|lt': 5}", {"a": -1}, True),
    ("lt compares numbers, not text", "s: {'a|lt': 10}", {"a": "9"}, True),
    ("lte float", "s: {'a|lte': 5.5}", {"a": 5.5}, True),
    ("comparison with text is false", "s: {'a|lt': 5}", {"a": "abc"}, False),
    ("comparison with a missing field is false", "s: {'a|lt': 5}", {}, False),
    ("comparison with true is false", "s: {'a|gte': 0}", {"a": True}, False),
]
TYPES: list[Case] = [
    ("re is a search", "s: {'a|re': 'b+'}", {"a": "abbbc"}, True),
    ("re keeps case", "s: {'a|re': 'B+'}", {"a": "abbbc"}, False),
    ("re i", "s: {'a|re|i': 'B+'}", {"a": "abbbc"}, True),
    ("re i beyond ASCII", "s: {'a|re|i': 'ĐƯỜNG'}", {"a": "đường"}, True),
    ("re anchors", "s: {'a|re': '^b'}", {"a": "a\nb"}, False),
    ("re m", "s: {'a|re|m': '^b'}", {"a": "a\nb"}, True),
    ("re dot stops at a newline", "s: {'a|re': 'a.c'}", {"a": "a\nc"}, False),
    ("re s", "s: {'a|re|s': 'a.c'}", {"a": "a\nc"}, True),
    ("re dot is a whole letter", "s: {'a|re': '^t.p$'}", {"a": "tệp"}, True),
    ("re on a number", "s: {'a|re': '^46'}", {"a": 4688}, True),
    ("re on a missing field", "s: {'a|re': '.*'}", {}, False),
    ("re on an empty value", "s: {'a|re': '^$'}", {"a": ""}, True),
    ("re classes", "s: {'a|re': '^[a-c]{2,3}$'}", {"a": "abc"}, True),
    ("re keeps its backslashes", "s: {'a|re': 'a\\\\b\\*'}", {"a": "a\\b*"}, True),
    ("cidr", "s: {'a|cidr': 10.0.0.0/8}", {"a": "10.255.0.1"}, True),
    ("cidr outside", "s: {'a|cidr': 10.0.0.0/8}", {"a": "11.0.0.1"}, False),
    ("cidr v6", "s: {'a|cidr': 'fe80::/10'}", {"a": "FE80::1"}, True),
    ("cidr v4-mapped", "s: {'a|cidr': 10.0.0.0/8}", {"a": "::ffff:10.1.2.3"}, True),
    ("cidr v4 is not v6", "s: {'a|cidr': '::/0'}", {"a": "10.1.2.3"}, False),
    ("cidr with text that is no address", "s: {'a|cidr': 0.0.0.0/0}", {"a": "localhost"}, False),
    ("cidr of one address", "s: {'a|cidr': 10.1.2.3/32}", {"a": "10.1.2.3"}, True),
    ("fieldref", "s: {'a|fieldref': b}", {"a": "X", "b": "x"}, True),
    ("fieldref differs", "s: {'a|fieldref': b}", {"a": "X", "b": "y"}, False),
    ("fieldref number and text", "s: {'a|fieldref': b}", {"a": 5, "b": "5"}, True),
    ("fieldref without right", "s: {'a|fieldref': b}", {"a": "x"}, False),
    ("fieldref without left", "s: {'a|fieldref': b}", {"b": "x"}, False),
    ("fieldref without both", "s: {'a|fieldref': b}", {"c": "x"}, False),
    ("fieldref null", "s: {'a|fieldref': b}", {"a": None, "b": None}, False),
    ("fieldref startswith", "s: {'a|fieldref|startswith': b}", {"a": "xyz", "b": "XY"}, True),
    ("fieldref endswith", "s: {'a|fieldref|endswith': b}", {"a": "xyz", "b": "yz"}, True),
    ("fieldref contains", "s: {'a|fieldref|contains': b}", {"a": "xyz", "b": "y"}, True),
    ("fieldref neq", "s: {'a|fieldref|neq': b}", {"a": "x", "b": "y"}, True),
    ("hour", "s: {'a|hour': 23}", {"a": "2026-11-21T23:05:00Z"}, True),
    ("minute", "s: {'a|minute': 5}", {"a": "2026-11-21 23:05:00"}, True),
    ("day, another", "s: {'a|day': 20}", {"a": "2026-11-21T23:05:00Z"}, False),
    ("week", "s: {'a|week': 47}", {"a": "2026-11-21"}, True),
    ("month and year", "s: {'a|month': 11, 'b|year': 2026}", {"a": "2026-11-21", "b": "2026-11-21"}, True),
    ("hour of what is no time", "s: {'a|hour': 0}", {"a": "yesterday"}, False),
]
ENCODED: list[Case] = [
    ("base64", "s: {'a|base64|contains': foobar}", {"a": "x Zm9vYmFy y"}, True),
    ("base64offset 0", "s: {'a|base64offset|contains': foobar}", {"a": "Zm9vYmFy"}, True),
    ("base64offset 1", "s: {'a|base64offset|contains': foobar}", {"a": "eGZvb2Jhcng="}, True),
    ("base64offset 2", "s: {'a|base64offset|contains': foobar}", {"a": "eHhmb29iYXI="}, True),
    ("base64offset of other text", "s: {'a|base64offset|contains': foobar}", {"a": "Zm9vYmF6"}, False),
    ("base64offset of Vietnamese", "s: {'a|base64offset|contains': tệp}", {"a": "eHThu4dweQ=="}, True),
    ("base64 of a plain star", "s: {'a|base64': 'a\\*b'}", {"a": "YSpi"}, True),
    ("wide", "s: {'a|wide|base64offset|contains': cmd}", {"a": "YwBtAGQA"}, True),
    ("utf16le is wide", "s: {'a|utf16le|base64|contains': cmd}", {"a": "YwBtAGQA"}, True),
    ("utf16be", "s: {'a|utf16be|base64|contains': cmd}", {"a": "AGMAbQBk"}, True),
    ("utf16 has a mark", "s: {'a|utf16|base64|contains': cmd}", {"a": "//5jAG0AZAA="}, True),
    ("wide beyond ASCII", "s: {'a|wide|base64offset|contains': tệp}", {"a": "dADHHnAA"}, True),
    ("wide as text", "s: {'a|wide|contains': cmd}", {"a": "c\0m\0d\0"}, True),
    *[
        (f"windash {dash}", "s: {'a|windash|contains': ' -param'}", {"a": f"x {dash}param"}, True)
        for dash in ("-", "/", "–", "—", "―")
    ],
    ("windash from a slash", "s: {'a|windash|contains': ' /p'}", {"a": "x -p"}, True),
    ("windash keeps dashes within words", "s: {'a|windash|contains': ' -a-b'}", {"a": "x /a/b"}, False),
    ("windash and all", "s: {'a|windash|contains|all': [' -a', ' -b']}", {"a": "x /a –b"}, True),
    ("windash and all lacks one", "s: {'a|windash|contains|all': [' -a', ' -b']}", {"a": "x /a -a"}, False),
]
WORDS: list[Case] = [
    ("keyword in any value", "s: [mimikatz]", {"a": "x", "b": "run MIMIKATZ.exe"}, True),
    ("keyword not in names", "s: [mimikatz]", {"mimikatz": "x"}, False),
    ("keyword alone", "s: mimikatz", {"a": "mimikatz"}, True),
    ("keyword in a list", "s: [mimikatz]", {"a": ["x", "mimikatz"]}, True),
    ("keyword in a nested value", "s: [mimikatz]", {"a": {"b": "mimikatz"}}, True),
    ("keyword that is a number", "s: [4688]", {"a": 4688}, True),
    ("any of keywords", "s: [one, two]", {"a": "xtwox"}, True),
    ("all keywords across fields", "s: {'|all': [one, two]}", {"a": "one", "b": "two"}, True),
    ("all keywords lack one", "s: {'|all': [one, two]}", {"a": "one"}, False),
    ("keyword does not run over fields", "s: ['ab']", {"x": "a", "y": "b"}, False),
    ("wildcard does not run over fields", "s: ['a*b']", {"x": "a", "y": "b"}, False),
    ("wildcard within a field", "s: ['a*b']", {"x": "axxb"}, True),
    ("separator in a value", "s: ['a*b']", {"x": "a\x1eb", "y": "z"}, True),
    ("keyword beyond ASCII", "s: [ĐƯỜNG]", {"x": "con đường", "y": 1}, True),
    ("keyword regex", "s: {'|re': '^ab+$'}", {"x": "zab", "y": "abb"}, True),
    ("keyword regex sees single values", "s: {'|re': 'a.*b'}", {"x": "a", "y": "b"}, False),
    ("keyword cased", "s: {'|cased': Abc}", {"x": "abc"}, False),
]
BOTH = "\n  t: {b: y}\n  condition: "
CONDITIONS: list[Case] = [
    ("and", "s: {a: x}" + BOTH + "s and t", {"a": "x", "b": "z"}, False),
    ("or", "s: {a: x}" + BOTH + "s or t", {"a": "z", "b": "y"}, True),
    ("not", "s: {a: x}" + BOTH + "not s", {"a": "z"}, True),
    ("upper case", "s: {a: x}" + BOTH + "s AND NOT t", {"a": "x"}, True),
    ("upper case or", "s: {a: x}" + BOTH + "s OR t", {"b": "y"}, True),
    ("and binds before or", "s: {a: x}\n  t: {b: y}\n  u: {c: z}\n  condition: s or t and u", {"a": "x"}, True),
    ("not binds before and", "s: {a: x}" + BOTH + "not s and t", {"b": "y"}, True),
    ("brackets", "s: {a: x}\n  t: {b: y}\n  u: {c: z}\n  condition: (s or t) and u", {"a": "x"}, False),
    ("not over brackets", "s: {a: x}" + BOTH + "not (s or t)", {"a": "z"}, True),
    ("not not", "s: {a: x}" + BOTH + "not not s", {"a": "x"}, True),
    ("1 of them", "s: {a: x}" + BOTH + "1 of them", {"b": "y"}, True),
    ("any of them", "s: {a: x}" + BOTH + "any of them", {"b": "y"}, True),
    ("all of them", "s: {a: x}" + BOTH + "all of them", {"b": "y"}, False),
    ("them leaves out underscores", "s: {a: x}\n  _t: {b: y}\n  condition: 1 of them", {"b": "y"}, False),
    ("1 of a pattern", "sel_a: {a: x}\n  sel_b: {b: y}\n  t: {c: z}\n  condition: 1 of sel_*", {"b": "y"}, True),
    ("1 of a pattern, others", "sel_a: {a: x}\n  sel_b: {b: y}\n  t: {c: z}\n  condition: 1 of sel_*", {"c": "z"}, False),
    ("all of a pattern", "sel_a: {a: x}\n  sel_b: {b: y}\n  condition: all of sel*", {"a": "x", "b": "y"}, True),
    ("not 1 of", "s: {a: x}\n  f_1: {b: y}\n  f_2: {c: z}\n  condition: s and not 1 of f_*", {"a": "x", "c": "z"}, False),
    ("condition list is or", "s: {a: x}\n  t: {b: y}\n  condition: [s, t]", {"b": "y"}, True),
    ("names that begin with not", "notes: {a: x}\n  order: {b: y}\n  condition: notes or order", {"b": "y"}, True),
    ("list of maps is or", "s: [{a: x}, {b: y}]", {"b": "y"}, True),
    ("map is and", "s: {a: x, b: y}", {"b": "y"}, False),
    ("list of maps, each and", "s: [{a: x, b: y}, {c: z}]", {"a": "x", "c": "no"}, False),
]
CASES = [*TEXT, *WILD, *ABSENT, *LISTS, *NUMBERS, *TYPES, *ENCODED, *WORDS, *CONDITIONS]

RULE = "title: {title}\nid: {id}\nlogsource: {{product: p{number}}}\ndetection:\n  {detection}\n"


def written(number: int, case: Case) -> tuple[str, bytes]:
    detection = case[1] if "condition" in case[1] else case[1] + "\n  condition: s"
    text = RULE.format(title=f"case {number}", id=f"00000000-0000-4000-8000-{number:012d}", number=number, detection=detection)
    return f"{number}.yml", text.encode()


def compiled_cases() -> Compiled:
    compiled = compile_rules(load([written(number, case) for number, case in enumerate(CASES)]))
    assert not compiled.refused, [str(problem) for problem in compiled.refused]
    return compiled


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return compiled_cases()


@pytest.fixture(scope="module")
def matchers(compiled: Compiled) -> Iterator[dict[str, Matcher]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patterns, "hyperscan", None)
        without = Matcher(compiled_cases())
    yield {"hyperscan": Matcher(compiled), "plain": without}


def event(number: int, fields: dict[str, Any]) -> Event:
    return Event("", "", 0, 0, "", "json", LogSource(product=f"p{number}"), fields=fields)


@pytest.mark.parametrize(("number", "case"), list(enumerate(CASES)), ids=[case[0] for case in CASES])
def test_corner(number: int, case: Case, compiled: Compiled, matchers: dict[str, Matcher]) -> None:
    """Matcher with Hyperscan, matcher without and naive evaluator all give the verdict of the specification."""
    _, _, fields, wanted = case
    seen = event(number, fields)
    assert (oracle.evaluate(compiled, seen) == [number]) is wanted
    for name, matcher in matchers.items():
        assert (matcher.match(seen) == (number,)) is wanted, name
        assert (matcher.match(seen) == (number,)) is wanted, f"{name}, from memory"


REFUSED = [
    ("unknown modifier", "s: {'a|nope': x}\n  condition: s", 5, "nope"),
    ("unknown detection", "s: {a: x}\n  condition: s and t", 6, "t"),
    ("placeholder without value", "s: {'a|expand': '%who%'}\n  condition: s", 4, "%who%"),
    ("invalid regular expression", "s: {'a|re': '('}\n  condition: s", 5, "invalid"),
    ("back-reference", "s: {'a|re': '(a+)\\1'}\n  condition: s", 4, "time"),
    ("cidr that is none", "s: {'a|cidr': 10.0.0.0/99}\n  condition: s", 5, "CIDR"),
    ("comparison with text", "s: {'a|lt': abc}\n  condition: s", 5, "LessThan"),
    ("null keyword", "s: [null]\n  condition: s", 4, "field"),
    ("wildcard in base64", "s: {'a|base64': 'a*'}\n  condition: s", 5, "wildcards"),
    ("unclosed bracket", "s: {a: x}\n  condition: (s", 6, "bracket"),
    ("pipe in a condition", "s: {a: x}\n  condition: s | count() > 5", 6, "correlation"),
    ("empty condition", "s: {a: x}\n  condition: ''", 6, "end"),
    ("word where a name must be", "s: {a: x}\n  condition: s and and s", 6, "and"),
    ("fits no detection", "s: {a: x}\n  condition: 1 of t*", 6, "t*"),
    ("2 of them", "s: {a: x}\n  condition: 2 of them", 6, "2 of"),
    ("deep brackets", "s: {a: x}\n  condition: " + "(" * 5000 + "s" + ")" * 5000, 6, "deeper"),
    ("no condition", "s: {a: x}", 4, "condition"),
]


@pytest.mark.parametrize(("what", "detection", "line", "word"), REFUSED, ids=[case[0] for case in REFUSED])
def test_refused(what: str, detection: str, line: int, word: str) -> None:
    """A rule that cannot run is refused with its file, the line and the reason; its neighbour runs."""
    text = RULE.format(title=what, id="00000000-0000-4000-8000-000000000001", number=1, detection=detection)
    good = RULE.format(title="good", id="00000000-0000-4000-8000-000000000002", number=1, detection="s: {a: x}\n  condition: s")
    compiled = compile_rules(load([("bad.yml", text.encode()), ("good.yml", good.encode())]))
    assert [rule.title for rule in compiled.rules] == ["good"]
    (problem,) = compiled.refused
    assert (problem.file, problem.line) == ("bad.yml", line)
    assert word in problem.message
    assert problem.rule == "00000000-0000-4000-8000-000000000001"


def test_placeholders() -> None:
    """``expand`` takes its values from the caller, each with its own wildcards."""
    text = RULE.format(
        title="t", id="00000000-0000-4000-8000-000000000001", number=1, detection="s: {'a|expand': '%srv%'}\n  condition: s"
    )
    compiled = compile_rules(load([("r.yml", text.encode())], {"srv": ["web*", "db1"]}))
    matcher = Matcher(compiled)
    assert [matcher.match(event(1, {"a": name})) for name in ("WEB7", "db1", "db2")] == [(0,), (0,), ()]


BASE = (
    "title: base\nid: 00000000-0000-4000-8000-00000000000a\nname: base\nlogsource: {product: p1}\n"
    "detection:\n  s: {a: x}\n  condition: s\n"
)
CHAIN = """title: many
id: 00000000-0000-4000-8000-00000000000b
level: high
correlation:
  type: event_count
  rules: [base]
  group-by: [user]
  timespan: 5m
  condition: {gte: 10}
"""


def test_correlation() -> None:
    """A correlation knows its rules by id, and these stay silent unless it says ``generate``."""
    compiled = compile_rules(load([("chain.yml", CHAIN.encode()), ("base.yml", BASE.encode())]))
    (chain,) = compiled.correlations
    assert chain.rules == (compiled.rules[0].id,) == ("00000000-0000-4000-8000-00000000000a",)
    assert (chain.type, chain.timespan, chain.condition, chain.group_by) == ("event_count", 300_000_000, ("gte", 10), ("user",))
    assert (compiled.rules[0].alerts, chain.alerts) == (False, True)
    loud = compile_rules(
        load([("c.yml", CHAIN.replace("  type:", "  generate: true\n  type:").encode()), ("b.yml", BASE.encode())])
    )
    assert loud.rules[0].alerts


def test_correlation_without_its_rule() -> None:
    """A correlation of a rule that is not there is refused with its place."""
    compiled = compile_rules(load([("chain.yml", CHAIN.encode())]))
    assert not compiled.correlations
    assert "base" in compiled.refused[0].message and compiled.refused[0].file == "chain.yml"


def test_duplicate_id() -> None:
    """Of two rules with one id the first runs, the second is reported with the place of the first."""
    compiled = compile_rules(load([("one.yml", BASE.encode()), ("two.yml", BASE.encode())]))
    assert len(compiled.rules) == 1
    assert compiled.refused[0].file == "two.yml" and "one.yml:1" in compiled.refused[0].message


def test_filter() -> None:
    """A Sigma filter narrows the rules it names."""
    text = "title: f\nlogsource: {product: p1}\nfilter:\n  rules: [base]\n  w: {user: admin}\n  condition: not w\n"
    matcher = Matcher(compile_rules(load([("f.yml", text.encode()), ("b.yml", BASE.encode())])))
    assert matcher.match(event(1, {"a": "x", "user": "Admin"})) == ()
    assert matcher.match(event(1, {"a": "x", "user": "lan"})) == (0,)
