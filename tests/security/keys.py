"""Keys for the tests, and how settings and clients are given them."""

from __future__ import annotations

import base64
from typing import Final

from temporalio.client import Client

from holdfast_client import ReservationClient
from holdfast_client.transport.encryption import EncryptionKey, encrypting

OLD: Final = EncryptionKey("2025", bytes(range(32)))
NEW: Final = EncryptionKey("2026", bytes(range(1, 33)))


def text_of(*keys: EncryptionKey) -> str:
    """Return keys as the environment has them."""
    return ",".join(
        f"{key.id}:{base64.b64encode(key.secret).decode()}" if key.secret else key.id
        for key in keys
    )


async def customer(
    address: str,
    task_queue: str,
    *keys: EncryptionKey,
    private: bool = False,
    seconds: float = 10.0,
) -> ReservationClient:
    """Return the client of a shop whose own Temporal client encrypts with the first of its keys."""
    temporal = await Client.connect(address, data_converter=encrypting(keys=keys))
    return ReservationClient(
        temporal,
        task_queue=task_queue,
        answer_timeout_seconds=seconds,
        private_metadata=private,
    )
