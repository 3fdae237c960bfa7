"""The client of a checkout service, over Temporal."""

from __future__ import annotations

from typing import Self

from temporalio.client import Client

from holdfast_client.contract.arguments import answer_timeout
from holdfast_client.contract.names import TASK_QUEUE
from holdfast_client.methods.reservations import Reservations
from holdfast_client.transport.connection import connected
from holdfast_client.transport.privacy import private_by_environment
from holdfast_client.transport.temporal import (
    ANSWER_TIMEOUT_SECONDS_DEFAULT,
    TemporalTransport,
)


class ReservationClient(Reservations):
    """Reserves stock for checkouts through Holdfast's workflows on Temporal.

    Its methods are those of ``Reservations``, which says what each may raise.

    Args:
        temporal: a connected client; any data converter that writes plain JSON will do.
        task_queue: where Holdfast's workers listen.
        answer_timeout_seconds: the longest that one call may take, above 0.
        private_metadata: name neither customer nor cart nor SKU where Temporal never encrypts:
            checkouts are then found by their status alone.
    """

    def __init__(
        self,
        temporal: Client,
        *,
        task_queue: str = TASK_QUEUE,
        answer_timeout_seconds: float = ANSWER_TIMEOUT_SECONDS_DEFAULT,
        private_metadata: bool = False,
    ) -> None:
        transport = TemporalTransport(
            temporal,
            task_queue=task_queue,
            answer_timeout_seconds=answer_timeout_seconds,
            private_metadata=private_metadata,
        )
        super().__init__(transport)

    @classmethod
    async def connect(
        cls,
        address: str | None = None,
        *,
        namespace: str | None = None,
        answer_timeout_seconds: float = ANSWER_TIMEOUT_SECONDS_DEFAULT,
        private_metadata: bool | None = None,
    ) -> Self:
        """Connect by Temporal's standard environment settings and profiles.

        ``TEMPORAL_ADDRESS``, ``TEMPORAL_NAMESPACE``, ``TEMPORAL_API_KEY``, ``TEMPORAL_TLS_*``,
        ``TEMPORAL_PROFILE`` and the configuration file count; arguments go before them. Where
        ``HOLDFAST_ENCRYPTION_KEYS`` is set, payloads are encrypted.

        Args:
            address: ``host:port``; ``localhost:7233`` where nothing names another.
            namespace: Temporal's namespace; ``default`` where nothing names another.
            answer_timeout_seconds: the longest wait, for the connection and then for each call.
            private_metadata: as for the class; None takes ``HOLDFAST_PRIVATE_METADATA``.

        Raises:
            ServerUnreachable: nobody answered at the address in time.
        """
        seconds = answer_timeout(answer_timeout_seconds)
        is_private = private_by_environment() if private_metadata is None else private_metadata
        return cls(
            await connected(address, namespace, seconds),
            answer_timeout_seconds=seconds,
            private_metadata=is_private,
        )
