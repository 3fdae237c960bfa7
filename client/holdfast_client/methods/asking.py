"""What every client does: ask over its transport, until it is closed."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from holdfast_client.contract.errors import HoldfastError
from holdfast_client.questions import Question, Reply


class Transport(Protocol):
    """Carries questions to whoever answers them."""

    async def ask(self, question: Question) -> Reply:
        """Return the answer, or raise HoldfastError."""
        ...

    async def close(self) -> None:
        """End it. Does nothing twice."""
        ...


class Asking:
    """A client over a transport; the end of its block, or ``close``, closes it.

    Args:
        transport: carries the client's questions.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._is_closed = False

    async def close(self) -> None:
        """End it: later calls raise HoldfastError. Does nothing twice."""
        self._is_closed = True
        await self._transport.close()

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

    async def _ask(self, question: Question) -> Reply:
        if self._is_closed:
            raise HoldfastError("the client is closed; make a new one")
        return await self._transport.ask(question)
