"""Squid's access log: native format (``logformat squid``), also with referer and user agent appended. Pure.

time.ms elapsed client result/status bytes method uri user hierarchy/peer type ["referer" "user agent"]
"""

from typing import Any, Final

from collector.parsers.present import present
from collector.parsers.quoting import unescape
from collector.recipe import Context, Parsed
from model import LogSource, ParseError

SOURCE: Final = LogSource(product="squid", categories=("proxy",), service="access")


def parse(text: str, context: Context) -> Parsed:
    """One line. ParseError when its first ten columns are not those of the native format."""
    line = text.strip()
    columns = line.split(None, 10)
    if len(columns) < 10:
        raise ParseError("not a squid line: fewer than ten columns")
    stamp, elapsed, client, result, size, method, uri, user, hierarchy, kind = columns[:10]
    seconds, dot, millis = stamp.partition(".")
    code, slash, status = result.partition("/")
    if not (dot and seconds.isdecimal() and len(seconds) <= 11 and millis.isdecimal() and slash and status.isdecimal()):
        raise ParseError("not a squid line: no time.ms in the first column or no result/status in the fourth")
    fields: dict[str, Any] = {"c-ip": client, "src_ip": client, "cs-method": method, "result": code, "message": line}
    for name, value in (("duration", elapsed), ("sc-status", status), ("sc-bytes", size)):
        if value.lstrip("-").isdecimal() and len(value) < 19:
            fields[name] = int(value)
    _uri(method, uri, fields)
    if user != "-":
        fields["c-username"] = fields["cs-username"] = user
    way, _, peer = hierarchy.partition("/")
    fields["hierarchy"] = way
    if peer not in ("", "-"):
        fields["dst_ip"] = peer
    if kind != "-":
        fields["sc-content-type"] = kind
    if len(columns) > 10:
        _quoted(columns[10], fields)
    at = int(seconds) * 1_000_000 + int(millis[:6].ljust(6, "0"))
    return Parsed(fields=present(fields), happened_at=at, logsource=SOURCE, format="squid")


def _uri(method: str, uri: str, fields: dict[str, Any]) -> None:
    fields["c-uri"] = fields["cs-uri"] = uri
    if method == "CONNECT" or "://" not in uri:
        authority, stem, query, mark = uri.partition("/")[0], "", "", ""
    else:
        rest = uri.partition("://")[2]
        whole, mark, query = rest.partition("?")
        authority, _, path = whole.partition("/")
        stem = "/" + path
    host, colon, port = authority.rpartition("@")[2].rpartition(":")
    if not colon or not port.isdecimal() or len(port) > 5:
        host = authority.rpartition("@")[2]
    else:
        fields["dst_port"] = int(port)
    if host and not uri.startswith("error:"):
        fields["cs-host"] = fields["r-dns"] = host.strip("[]")
    if stem:
        fields["c-uri-stem"] = fields["cs-uri-stem"] = stem
        name, dot, extension = stem.rpartition("/")[2].rpartition(".")
        if dot and name and len(extension) <= 16:
            fields["c-uri-extension"] = extension.lower()
    if mark:
        fields["c-uri-query"] = fields["cs-uri-query"] = query


def _quoted(rest: str, fields: dict[str, Any]) -> None:
    """``"referer" "user agent"``, or the user agent alone."""
    parts = [unescape(part) for part in rest.strip().strip('"').split('" "')][:2]
    names = ("cs-referer", "c-useragent") if len(parts) == 2 else ("c-useragent",)
    for name, value in zip(names, parts, strict=False):
        if value not in ("", "-"):
            fields[name] = value
