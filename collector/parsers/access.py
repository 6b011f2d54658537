"""Access logs of nginx and Apache: common, combined, vhost_combined, and what people append (X-Forwarded-For, request time).

    [vhost:port ]client ident user [time] "request" status bytes[ "referer" "user agent"[ more…]]

URIs stay as written (percent-encoded), as Sigma rules expect them. ``\\"`` and ``\\xHH`` of quoted parts are undone.
"""

from typing import Any, Final

from collector.parsers import times
from collector.parsers.quoting import quoted, unescape
from collector.recipe import Context, Parsed
from model import LogSource, ParseError

MORE: Final = 16
"""Most appended parts that are read."""
_NGINX: Final = LogSource(product="nginx", categories=("webserver",), service="access")
_APACHE: Final = LogSource(product="apache", categories=("webserver",), service="access")
_ADDRESS: Final = frozenset("0123456789abcdefABCDEF.:, ")


def nginx(text: str, context: Context) -> Parsed:
    """One line of an nginx access log."""
    return _line(text, "nginx_access", _NGINX)


def apache(text: str, context: Context) -> Parsed:
    """One line of an Apache httpd access log."""
    return _line(text, "apache_access", _APACHE)


def _line(text: str, name: str, logsource: LogSource) -> Parsed:
    opening = text.find(" [", 0, 1024)
    closing = text.find('] "', opening, opening + 40)
    if opening < 0 or closing < 0:
        raise ParseError("not an access log: no [time] before a quoted request")
    at = times.clf(text[opening + 2 : closing])
    fields: dict[str, Any] = {}
    _client(text[:opening], fields)
    end = text.find('" ', closing + 3)
    if end > 0 and text.find("\\", closing + 3, end) < 0:
        request(text[closing + 3 : end], fields)
        end += 1
    else:
        line, end = quoted(text, closing + 2)
        request(line, fields)
    numbers = text[end + 1 : end + 64].split(" ", 2)
    if len(numbers) < 2:
        raise ParseError("not an access log: no status and size after the request")
    status, size = numbers[0], numbers[1]
    if len(status) != 3 or not (status.isascii() and status.isdigit()):
        raise ParseError("not an access log: the status has not three digits")
    fields["sc-status"] = int(status)
    if size.isascii() and size.isdigit() and len(size) < 19:
        fields["sc-bytes"] = int(size)
    elif size != "-":
        raise ParseError("not an access log: the size is no number")
    end += 1 + len(status) + 1 + len(size)
    if text[end : end + 2] == ' "':
        end = _combined(text, end + 1, fields)
    if end < len(text):
        _more(text, end, fields)
    fields["message"] = text
    return Parsed(fields=fields, happened_at=at, logsource=logsource, format=name)


def _client(head: str, fields: dict[str, Any]) -> None:
    """``client ident user``, a virtual host before it; user names may hold blanks."""
    parts = head.split(" ", 2)
    if len(parts) < 3:
        raise ParseError("not an access log: no client, ident and user at the beginning")
    client, ident, user = parts
    host, colon, port = client.rpartition(":")
    if ident != "-" and colon and port.isdigit() and ":" not in host and " " in user:
        fields["cs-host"] = host
        client, (ident, _, user) = ident, user.partition(" ")
    if not client or '"' in client:
        raise ParseError("not an access log: no client at the beginning")
    fields["c-ip"] = client
    if user not in {"-", '""', ""}:
        fields["cs-username"] = user


def request(line: str, fields: dict[str, Any]) -> None:
    """``GET /path?query HTTP/1.1``; anything else (TLS bytes on a plain port) is kept whole as ``cs-request``."""
    method, _, rest = line.partition(" ")
    uri, _, version = rest.rpartition(" ")
    if not version.startswith("HTTP/"):
        uri, version = rest, ""
    if not uri or not method.isascii() or not method.replace("-", "").replace("_", "").isalpha():
        if line not in {"", "-"}:
            fields["cs-request"] = line
        return
    fields["cs-method"] = method
    fields["cs-uri"] = uri
    stem, mark, query = uri.partition("?")
    fields["cs-uri-stem"] = stem
    if mark:
        fields["cs-uri-query"] = query
    if version:
        fields["cs-version"] = version


def _combined(text: str, start: int, fields: dict[str, Any]) -> int:
    """Read ``"referer" "user agent"`` at ``start``; return the index after them."""
    for name in ("cs-referer", "cs-user-agent"):
        if text[start : start + 1] != '"':
            break
        end = text.find('"', start + 1)
        if end > 0 and text[end - 1] != "\\":
            value = text[start + 1 : end]
            end += 1
            if "\\" in value:
                value = unescape(value)
        else:
            value, end = quoted(text, start)
        if value not in {"-", ""}:
            fields[name] = value
        start = end + 1
    return start - 1


def _more(text: str, start: int, fields: dict[str, Any]) -> None:
    """Parts appended to the format: addresses, seconds, ``name=value`` and whatever else there is (``extra``)."""
    extra: list[str] = []
    for _ in range(MORE):
        if start >= len(text):
            break
        if text[start] == " ":
            start += 1
            continue
        if text[start] == '"':
            value, end = quoted(text, start)
        else:
            end = text.find(" ", start)
            end = len(text) if end < 0 else end
            value = text[start:end]
        start = end
        _appended(value, fields, extra)
    if start < len(text):
        extra.append(text[start:].strip())
    if extra:
        fields["extra"] = extra


def _appended(value: str, fields: dict[str, Any], extra: list[str]) -> None:
    if value in {"-", ""}:
        return
    name, equals, rest = value.partition("=")
    if equals and name.isidentifier() and len(name) <= 32:
        if rest.strip('"') not in {"-", ""}:
            fields.setdefault(name, rest.strip('"'))
    elif _is_seconds(value) and "request_time" not in fields:
        fields["request_time"] = float(value)
    elif ("." in value or ":" in value) and _ADDRESS.issuperset(value) and "x-forwarded-for" not in fields:
        fields["x-forwarded-for"] = value
    else:
        extra.append(value)


def _is_seconds(value: str) -> bool:
    whole, dot, fraction = value.partition(".")
    return bool(dot) and len(value) < 16 and whole.isascii() and whole.isdigit() and fraction.isascii() and fraction.isdigit()
