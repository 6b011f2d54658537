"""Which information system an event belongs to, by the register of systems. Pure; answers are memoised.

Order: the source carries nothing else, then the host's exact name, then the longest host pattern, then the narrowest network
the host or the peer is in. Empty when nothing fits.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from model import ConfigError, System

MEMO: Final = 65_536
"""Answers remembered; a stranger inventing host names costs time, never memory."""


class Register:
    """Looks up system codes. ConfigError when a network of ``systems`` cannot be read."""

    def __init__(self, systems: Sequence[System]) -> None:
        self._sources = {source: system.code for system in reversed(systems) for source in system.sources}
        self._exact: dict[str, str] = {}
        self._patterns: list[tuple[str, str]] = []
        self._networks: list[tuple[IPv4Network | IPv6Network, str]] = []
        self._memo: dict[tuple[str, str, str], str] = {}
        for system in systems:
            for host in system.hosts:
                if "*" in host:
                    self._patterns.append((host.lower(), system.code))
                else:
                    self._exact.setdefault(host.lower(), system.code)
            self._networks += [(_network(text, system), system.code) for text in system.addresses]
        self._patterns.sort(key=lambda pattern: -len(pattern[0]))
        self._networks.sort(key=lambda network: -network[0].prefixlen)

    def system(self, source: str, host: str, peer: str = "") -> str:
        """Code of the system, empty when unknown. ``host`` may be a name or an address, ``peer`` an address or a path."""
        key = source, host, peer
        found = self._memo.get(key)
        if found is None:
            if len(self._memo) >= MEMO:
                self._memo.clear()
            found = self._memo[key] = self._look_up(source, host.lower(), peer)
        return found

    def _look_up(self, source: str, host: str, peer: str) -> str:
        found = self._sources.get(source) or self._exact.get(host)
        if found:
            return found
        for pattern, code in self._patterns:
            if host and _fits(pattern, host):
                return code
        return self._by_address(host) or self._by_address(peer)

    def _by_address(self, text: str) -> str:
        address = address_of(text)
        if address is None:
            return ""
        return next((code for network, code in self._networks if address in network), "")


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """The address ``text`` is: ``192.0.2.1``, ``192.0.2.1:514``, ``[2001:db8::1]:514``, ``::ffff:192.0.2.1``; None otherwise."""
    if not text or len(text) > 64 or "/" in text:
        return None
    bare = text
    if text[0] == "[":
        bare = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        bare = text.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _fits(pattern: str, host: str) -> bool:
    """``*`` at either end; one in the middle divides a beginning from an end."""
    if pattern[:1] == "*" and pattern[-1:] == "*" and len(pattern) > 1:
        return pattern[1:-1] in host
    head, _, tail = pattern.partition("*")
    return len(host) >= len(head) + len(tail) and host.startswith(head) and host.endswith(tail)


def _network(text: str, system: System) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ConfigError(f"system {system.code}: {text!r} is no network; write it like 10.20.0.0/16") from None
