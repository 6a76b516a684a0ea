"""TCP sockets that all listeners listen on: every address of a host, on one port, or words that say why not."""

from __future__ import annotations

import errno
import socket
from typing import Final

BACKLOG: Final = 2048
_TRIES: Final = 5
_OFF: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""What is said of an address whose family is switched off in this machine."""


class CannotListen(OSError):
    """The address cannot be listened on; the message says which and what to do."""


class AddressInUse(CannotListen):
    """Another program listens there already."""


def listening(host: str, port: int) -> list[socket.socket]:
    """Listening sockets for every address of the host, all on one port; AddressInUse or CannotListen.

    Port 0 takes a free one. Addresses that the machine does not have are passed over where another one is left:
    names such as localhost often stand for an IPv6 address where IPv6 is switched off.
    """
    addresses = _addresses(host)
    for _ in range(_TRIES if port == 0 else 1):
        try:
            return _listening(addresses, host, port)
        except AddressInUse as problem:
            # The free port of the first address may be taken on the second: another one is tried.
            taken = problem
    raise taken


def refused(where: str, problem: OSError) -> CannotListen:
    """The error to raise where an address cannot be bound: what happened and what to do."""
    if problem.errno == errno.EADDRINUSE:
        return AddressInUse(f"{where} is in use by another program; stop it, or choose another port")
    if problem.errno in (errno.EACCES, errno.EPERM):
        return CannotListen(f"{where} may not be used by this user; choose a port above 1023")
    return CannotListen(f"cannot listen on {where}: {problem}")


def at(host: str, port: int) -> str:
    """Host and port as an address is written: an IPv6 address stands in brackets (RFC 3986 section 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    """IPv4 first: with port 0 it chooses the port."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as problem:
        raise CannotListen(f"{host!r} is no address of this machine: {problem}") from problem
    return sorted({(one[0], str(one[4][0])) for one in found}, key=lambda pair: pair[0] != socket.AF_INET)


def _listening(addresses: list[tuple[socket.AddressFamily, str]], host: str, port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    absent: OSError | None = None
    for family, address in addresses:
        try:
            sockets.append(_bound(family, address, port))
        except OSError as problem:
            if problem.errno in _OFF:
                absent = problem
                continue
            for one in sockets:
                one.close()
            raise refused(at(host, port), problem) from problem
        port = int(sockets[0].getsockname()[1])
    if absent is not None and not sockets:
        raise refused(at(host, port), absent) from absent
    return sockets


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    # The protocol is named because asyncio sets TCP_NODELAY only where it is; without it each answer waits 40 ms.
    one = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.setblocking(False)
        one.bind((address, port))
        # Listening now, so that a second program is told at once and not when it is too late.
        one.listen(BACKLOG)
    except OSError:
        one.close()
        raise
    return one
