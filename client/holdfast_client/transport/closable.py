"""What the async clients have in common at their end."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from holdfast_client.contract.errors import HoldfastError


class Closable:
    """A client that can be closed, at the end of an ``async with`` block for one."""

    _is_closed = False

    async def close(self) -> None:
        """End it: later calls raise HoldfastError. Does nothing twice.

        The connection itself goes with the last reference to its Temporal client.
        """
        self._is_closed = True

    async def __aenter__(self) -> Self:
        """Return itself, to be closed at the end of the block."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    def _require_open(self) -> None:
        if self._is_closed:
            raise HoldfastError("the client is closed; make a new one")
