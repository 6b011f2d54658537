"""Who and what an event is about: its fields → entities. Pure.

Field names are those of the Sigma taxonomy and of our parsers. An address of the machine itself, a machine account and the
service accounts every Windows host has say nothing about who did it, so they are left out.
"""

from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any, Final

from model import Entity, Event

LIMIT: Final = 16
"""Entities kept of one event or alert."""

LONGEST: Final = 256
"""Characters kept of one value."""

_LONGEST_ADDRESS: Final = 64

_ADDRESSES: Final = ("c-ip", "src_ip", "ipAddress", "IpAddress", "SourceIp", "src-ip", "client_ip", "rhost", "SourceAddress")
_DESTINATIONS: Final = ("dst_ip", "DestinationIp")
_OWN: Final = tuple(
    ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10")
)
"""Networks a destination says nothing in: a server of ours is in everybody's events."""
_USERS: Final = (
    "username",
    "cs-username",
    "c-username",
    "user",
    "User",
    "TargetUserName",
    "SubjectUserName",
    "target_user",
    "AccountName",
)
_HASHES: Final = ("sha256", "SHA256", "md5", "MD5", "file_hash")
_DOMAINS: Final = ("query", "QueryName", "DestinationHostname", "r-dns")
_NOBODY: Final = frozenset(
    {"", "-", "unknown", "system", "(null)", "null", "none", "n/a", "anonymous logon", "local service", "network service"}
)


def entities_of(event: Event) -> tuple[Entity, ...]:
    """Entities of ``event``, at most LIMIT, in the order ip, user, host, token, source, domain, hash; no repeats.

    Values: addresses in canonical form, users without their domain, hosts as short names; all lower case except tokens.
    """
    fields = event.fields
    found: dict[Entity, None] = {}
    for name in _ADDRESSES:
        if name in fields and (address := address_of(fields[name])):
            found[Entity("ip", address)] = None
    for name in _DESTINATIONS:
        # Where a connection went to is somebody only outside: the one who waits for a stolen machine's call.
        if name in fields and (address := address_of(fields[name])) and not _is_own(address):
            found[Entity("ip", address)] = None
    for name in _USERS:
        if name in fields and (user := user_of(fields[name])):
            found[Entity("user", user)] = None
    if host := host_of(event.host or fields.get("Computer", "")):
        found[Entity("host", host)] = None
    _add_rest(event, found)
    return tuple(found)[:LIMIT]


def address_of(value: Any) -> str:
    """Canonical text of a remote address, "" when ``value`` is none, loopback or unspecified. IPv4-mapped becomes IPv4."""
    text = _text(value).strip("[]")
    return "" if not text or text == "-" or len(text) > _LONGEST_ADDRESS else _canonical(text)


@lru_cache(maxsize=8_192)
def _canonical(text: str) -> str:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if address.version == 6 and address.ipv4_mapped:
        address = address.ipv4_mapped
    return "" if address.is_loopback or address.is_unspecified else str(address)


def _is_own(address: str) -> bool:
    place = ip_address(address)
    return any(place.version == network.version and place in network for network in _OWN)


def user_of(value: Any) -> str:
    """The account without domain, lower case: ``TINH\\An.Nguyen`` and ``an.nguyen@tinh.gov.vn`` are ``an.nguyen``.

    "" for machine accounts (ending in ``$``), SYSTEM and its like.
    """
    text = _text(value).lower()
    name = text.rpartition("\\")[2].partition("@")[0].strip()
    if name in _NOBODY or text in _NOBODY or name.endswith("$") or name.startswith(("dwm-", "umfd-")):
        return ""
    return name


def host_of(value: Any) -> str:
    """Short lower-case name of a machine; an address stays whole."""
    text = _text(value).lower().rstrip(".")
    if not text or text == "-":
        return ""
    if text.replace(".", "").isdigit() or ":" in text:
        return text
    return text.partition(".")[0]


def _add_rest(event: Event, found: dict[Entity, None]) -> None:
    fields = event.fields
    if (token := _text(fields.get("token"))) and token != "-":  # noqa: S105 - the field's name, no secret
        found[Entity("token", token)] = None
    if event.logsource.product == "vonggac" and "format" in fields:
        found[Entity("source", f"{_text(fields.get('host'))}/{_text(fields['format'])}".lower())] = None
    for name in _DOMAINS:
        if name in fields and "." in (domain := _text(fields[name]).lower().rstrip(".")) and domain not in _NOBODY:
            found[Entity("domain", domain)] = None
    for name in _HASHES:
        if name in fields and (digest := _text(fields[name]).lower()) not in _NOBODY:
            found[Entity("hash", digest)] = None
    if "Hashes" in fields:
        for part in _text(fields["Hashes"]).split(",")[:8]:
            kind, _, digest = part.partition("=")
            if kind.strip().upper() == "SHA256" and digest:
                found[Entity("hash", digest.strip().lower())] = None


def _text(value: Any) -> str:
    if isinstance(value, list):
        value = value[0] if value else ""
    return value[:LONGEST].strip() if isinstance(value, str) else ("" if value is None else str(value)[:LONGEST])
