"""Ports on the loopback address."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Final

from worker.embedded.errors import PortInUse

LOOPBACK: Final = "127.0.0.1"
_PORT_MAX: Final = 65_535
_CONNECT_SECONDS_MAX: Final = 1.0


def checked_port(port: int) -> int:
    """Return the port, 0 to 65,535, or raise ValueError."""
    if not 0 <= port <= _PORT_MAX:
        raise ValueError(f"{port} is no port: give 1 to {_PORT_MAX}, or 0 for any free one")
    return port


def choose_ports(wanted: Iterable[int]) -> list[int]:
    """Return a free port for each one wanted, all different; 0 stands for any.

    Somebody else may still take one before the server listens, so a start is tried again.

    Raises:
        PortInUse: a port that was asked for by number is taken.
    """
    with ExitStack() as held:
        return [held.enter_context(_bound(port)).getsockname()[1] for port in wanted]


def is_listening(port: int) -> bool:
    """Say whether something accepts connections on the port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=_CONNECT_SECONDS_MAX):
            return True
    except OSError:
        return False


def _bound(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # As servers do it: connections that are still closing do not count as a taken port.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError:
        listener.close()
        raise PortInUse(port) from None
    return listener
