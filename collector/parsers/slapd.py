"""OpenLDAP's slapd at log level "stats" (slapd.conf(5) loglevel 256), after the syslog envelope. Pure.

Form: ``conn=1001 op=0 BIND dn="…" method=128``. Only ACCEPT names the client's address; ``conn`` joins it with the rest.
"""

from typing import Any, Final

from collector.parsers.keyvalue import pairs
from collector.parsers.present import present
from collector.recipe import Context, Parsed
from model import LogSource, ParseError

SOURCE: Final = LogSource(product="linux", service="slapd")
_NUMBERS: Final = frozenset(
    ("conn", "op", "fd", "err", "tag", "nentries", "scope", "deref", "ssf", "bind_ssf", "tls_ssf", "sasl_ssf")
)
_MAX: Final = 64 * 1024


def parse(text: str, context: Context) -> Parsed:
    """One message of slapd."""
    message = text.strip()
    if not message:
        raise ParseError("an empty slapd message")
    fields: dict[str, Any] = {"message": message}
    rest = message[:_MAX]
    while True:
        word, _, after = rest.partition(" ")
        key, equals, value = word.partition("=")
        if not (equals and key in ("conn", "op", "fd") and value.isdecimal() and len(value) < 19):
            break
        fields[key] = int(value)
        rest = after
    if "conn" in fields:
        _operation(rest, fields)
    return Parsed(fields=present(fields), logsource=SOURCE, format="slapd")


def _operation(rest: str, fields: dict[str, Any]) -> None:
    """``ACCEPT from IP=192.0.2.7:40022 (IP=0.0.0.0:389)``, ``SEARCH RESULT tag=101 err=0 nentries=1 text=``, ``closed``"""
    words = []
    while rest:
        word, _, after = rest.partition(" ")
        if "=" in word or word.startswith("("):
            break
        words.append(word)
        rest = after
        if word in ("ACCEPT", "closed") or len(words) == 4:
            break
    if not words:
        return
    fields["operation"] = " ".join(words)
    if words[0] == "ACCEPT":
        _client(rest.partition("from ")[2].partition(" ")[0], fields)
        return
    if words[0] == "closed":
        if rest:
            fields["reason"] = rest.strip("()")
        return
    if words[-1] == "RESULT":
        rest, _, text = rest.partition("text=")
        if text:
            fields["text"] = text
    for name, value in pairs(rest)[0].items():
        if name in fields:
            continue
        if name in _NUMBERS and value.isdecimal() and len(value) < 19:
            fields[name] = int(value)
        elif value:
            fields[name] = value


def _client(word: str, fields: dict[str, Any]) -> None:
    """``IP=192.0.2.7:40022``, ``IP=[2001:db8::7]:40022``, ``PATH=/run/slapd/ldapi``"""
    kind, _, where = word.partition("=")
    if kind != "IP":
        return
    address, _, port = where.rpartition(":")
    if address:
        fields["src_ip"] = address.strip("[]")
        if port.isdecimal() and len(port) <= 5:
            fields["src_port"] = int(port)
