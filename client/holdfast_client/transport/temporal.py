"""Carries the client's questions to Temporal, each within its time."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, assert_never

from temporalio.client import Client

from holdfast_client.contract import arguments
from holdfast_client.contract.names import TASK_QUEUE
from holdfast_client.questions import (
    Adjust,
    ListCheckouts,
    Question,
    Read,
    Reply,
    Reserve,
    Status,
    Update,
)
from holdfast_client.transport.calls import answer_within
from holdfast_client.transport.connection import connected
from holdfast_client.transport.exchanges import Exchanges
from holdfast_client.transport.privacy import by_status_only, private_by_environment

ANSWER_TIMEOUT_SECONDS_DEFAULT: Final = 15.0


class TemporalTransport:
    """Carries questions over one connection to Temporal.

    Args:
        temporal: a connected client.
        task_queue: where Holdfast's workers listen.
        answer_timeout_seconds: the longest that one question may take, above 0.
        private_metadata: name neither customer nor cart nor SKU where Temporal never encrypts.
    """

    def __init__(
        self,
        temporal: Client,
        *,
        task_queue: str = TASK_QUEUE,
        answer_timeout_seconds: float = ANSWER_TIMEOUT_SECONDS_DEFAULT,
        private_metadata: bool = False,
    ) -> None:
        self._answer_timeout_seconds = arguments.answer_timeout(answer_timeout_seconds)
        self._address = temporal.service_client.config.target_host
        self._private_metadata = private_metadata
        self._exchanges = Exchanges(
            temporal,
            task_queue,
            timedelta(seconds=self._answer_timeout_seconds),
            private_metadata=private_metadata,
        )

    async def ask(self, question: Question) -> Reply:
        """Return the answer; raises as ``calls.py`` lists it."""
        if self._private_metadata and isinstance(question, ListCheckouts):
            by_status_only(question.wanted)
        async with answer_within(self._answer_timeout_seconds, question, self._address):
            return await self._exchanged(question)

    async def close(self) -> None:
        """Do nothing: the connection goes with the last reference to its Temporal client."""

    async def _exchanged(self, question: Question) -> Reply:
        match question:
            case Reserve():
                return await self._exchanges.reserve(question)
            case Update():
                return await self._exchanges.update(question)
            case Status():
                return await self._exchanges.status(question)
            case Adjust():
                return await self._exchanges.adjust(question)
            case Read():
                return await self._exchanges.read(question)
            case ListCheckouts():
                return await self._exchanges.list(question)
            case _:
                assert_never(question)


async def connect_transport(
    address: str | None,
    *,
    namespace: str | None,
    answer_timeout_seconds: float,
    private_metadata: bool | None,
) -> TemporalTransport:
    """Connect by Temporal's environment settings, and by ``HOLDFAST_PRIVATE_METADATA``.

    Raises:
        HoldfastError: as :func:`holdfast_client.transport.connection.connected` does.
    """
    seconds = arguments.answer_timeout(answer_timeout_seconds)
    is_private = private_by_environment() if private_metadata is None else private_metadata
    return TemporalTransport(
        await connected(address, namespace, seconds),
        answer_timeout_seconds=seconds,
        private_metadata=is_private,
    )
