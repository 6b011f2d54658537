"""What may tie two alerts together. Pure.

An entity links when it names one somebody or something. Loopback addresses, service accounts and the province's own
proxies are in everybody's alerts: they never link. An entity's key is its kind and value, case folded; a host known by its
address is that address.
"""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_network

from model import ConfigError, Entity

PRIORITY = ("ip", "user", "host", "token", "hash", "domain", "source")
"""Kinds that link, the most telling first."""

NEVER = (
    "ip:127.0.0.0/8",
    "ip:::1",
    "ip:0.0.0.0",
    "ip:::",
    "host:localhost",
    *(f"user:{name}" for name in ("-", "root", "system", "local service", "network service", "anonymous logon", "unknown")),
    *(f"user:{name}" for name in ("www-data", "nobody", "nginx", "apache", "daemon", "postgres", "postfix", "dovecot", "n/a")),
    "user:nt authority\\*",
    "user:window manager\\*",
    "user:font driver host\\*",
)
"""Never link, whatever the settings add."""

LONGEST = 512
"""Characters; a longer value is no name and does not link."""

MOST = 64
"""Link keys of one alert; an alert with more entities is a list, not a link."""

BUSY = frozenset({"host", "user", "ip"})
"""Kinds that can turn out to be shared infrastructure. A hash, a token or a public address in many alerts is one campaign."""


class Unlinkable:
    """Entities that never link: ``kind:value`` with ``*`` allowed at either end, networks in CIDR form for ``ip``."""

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self._exact: set[str] = set()
        self._open: list[tuple[str, str]] = []
        self._networks: list[tuple[int, int, int]] = []
        for pattern in (*NEVER, *patterns):
            self._add(pattern)

    def _add(self, pattern: str) -> None:
        kind, _, value = pattern.strip().casefold().partition(":")
        if kind not in PRIORITY or not value:
            raise ConfigError(f"unlinkable entity {pattern!r}: write it as kind:value, kind one of {', '.join(PRIORITY)}")
        if kind == "ip":
            try:
                network = ip_network(value, strict=False)
            except ValueError as error:
                raise ConfigError(f"unlinkable entity {pattern!r}: {value} is neither an address nor a network") from error
            first = int(network.network_address)
            self._networks.append((network.version, first, first + network.num_addresses - 1))
        elif "*" in value:
            self._open.append((kind, value))
        else:
            self._exact.add(f"{kind}:{value}")

    def holds(self, kind: str, value: str) -> bool:
        """Whether the (folded) entity never links."""
        if f"{kind}:{value}" in self._exact:
            return True
        if kind == "ip":
            try:
                address = ip_address(value)
            except ValueError:
                return True
            place = int(address)
            return any(v == address.version and low <= place <= high for v, low, high in self._networks)
        return any(k == kind and _fits(value, p) for k, p in self._open)


def _fits(value: str, pattern: str) -> bool:
    core = pattern.strip("*")
    if pattern.startswith("*"):
        return core in value if pattern.endswith("*") else value.endswith(core)
    return value.startswith(core)


def link_keys(entities: Iterable[Entity], unlinkable: Unlinkable) -> tuple[str, ...]:
    """Keys (``kind:value``) under which these entities link, the most telling kind first, at most MOST."""
    keys: set[tuple[int, str]] = set()
    for entity in entities:
        kind, value = entity.kind, entity.value.strip().casefold().rstrip(".")
        if kind == "host" and is_address(value):
            kind = "ip"
        if kind in PRIORITY and 0 < len(value) <= LONGEST and not unlinkable.holds(kind, value):
            keys.add((PRIORITY.index(kind), f"{kind}:{value}"))
    return tuple(key for _, key in sorted(keys)[:MOST])


def is_address(value: str) -> bool:
    """Whether ``value`` is an IP address."""
    try:
        ip_address(value)
    except ValueError:
        return False
    return True


def may_be_shared(key: str) -> bool:
    """Whether the entity behind a link key can be shared infrastructure: an own host, account or private address."""
    kind, _, value = key.partition(":")
    return kind in BUSY and (kind != "ip" or not ip_address(value).is_global)
