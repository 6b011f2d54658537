"""Listening sockets, and what to say when the address cannot be had."""

import errno
import socket

from model import ConfigError

_REASONS = {
    errno.EADDRINUSE: "another program already listens there; stop it or choose another port",
    errno.EACCES: "this user may not open it; ports below 1024 need CAP_NET_BIND_SERVICE",
    errno.EADDRNOTAVAIL: "this machine has no such address",
}


def new_socket(address: tuple[str, int], kind: socket.SocketKind, backlog: int = 1024) -> socket.socket:
    """A bound, non-blocking socket (listening when a stream). OSError when it cannot be had."""
    family, kind, protocol, _, place = socket.getaddrinfo(*address, type=kind, flags=socket.AI_PASSIVE)[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(place)
        if kind == socket.SOCK_STREAM:
            sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def bind_error(source: str, address: tuple[str, int], protocol: str, error: OSError) -> ConfigError:
    """One sentence for the person who wrote the setting."""
    reason = _REASONS.get(error.errno or 0, str(error))
    return ConfigError(f"Source {source} cannot listen on {address[0]}:{address[1]}/{protocol}: {reason}.")
