"""How a worker reads and writes payloads: as its workflows want them, and encrypted with keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, PayloadConverter

from holdfast_client.transport.encryption import (
    EncodedFailures,
    EncryptionCodec,
    EncryptionKey,
    encrypts,
)
from workflows.payloads import DATA_CONVERTER


class PlainlyReadFailures(EncodedFailures):
    """Reads the messages of failures as plain JSON, which `RawPayloadConverter` leaves alone."""

    def from_failure(
        self,
        failure: Failure,
        payload_converter: PayloadConverter,  # noqa: ARG002  # the one that would leave it alone
    ) -> BaseException:
        return super().from_failure(failure, pydantic_data_converter.payload_converter)


def data_converter(keys: Sequence[EncryptionKey] = ()) -> DataConverter:
    """Return the data converter of a worker; with keys it encrypts.

    What it cannot decrypt it passes on, because only the workflow knows what that means: to a
    start, wait for a worker with the key; to a message, refuse it.
    """
    if not keys:
        return DATA_CONVERTER
    codec = EncryptionCodec(keys, leaves_unreadable=True, keeps_labels=True)
    converter = replace(DATA_CONVERTER, payload_codec=codec)
    if not encrypts(keys):
        return converter
    return replace(converter, failure_converter_class=PlainlyReadFailures)
