"""Why a connection failed, as a person reads it."""

from __future__ import annotations

import pytest
from temporalio.exceptions import TemporalError
from temporalio.service import RPCError, RPCStatusCode

from holdfast_client.contract.errors import HoldfastError, OutcomeUnknown, ServerUnreachable
from holdfast_client.questions import Status
from holdfast_client.transport.calls import answer_within
from holdfast_client.transport.reasons import plain_reason

_CONNECT = "Failed client connect: Server connection error: tonic::transport::Error(Transport, "
_CALL = "Failed client connect: `get_system_info` call error after connection: Status { "


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            (
                f'{_CONNECT}ConnectError(ConnectError("tcp connect error", 127.0.0.1:1, Os {{ '
                'code: 111, kind: ConnectionRefused, message: "Connection refused" })))'
            ),
            "connection refused: nothing listens there",
        ),
        (
            (
                f'{_CONNECT}ConnectError(ConnectError("dns error", Custom {{ kind: Uncategorized, '
                'error: "failed to lookup address information: Name or service not known" })))'
            ),
            "no such host name",
        ),
        (
            (
                f"{_CONNECT}ConnectError(Custom {{ kind: InvalidData, error: "
                "InvalidCertificate(UnknownIssuer) }))"
            ),
            "its certificate is not accepted: UnknownIssuer",
        ),
        (
            (
                f"{_CONNECT}ConnectError(Custom {{ kind: InvalidData, error: "
                "InvalidMessage(InvalidContentType) }))"
            ),
            "what listens there does not speak Temporal's protocol, or one side uses TLS alone",
        ),
        (
            (
                f'{_CALL}code: Unknown, message: "transport error", source: Some(tonic::transport::'
                "Error(Transport, hyper::Error(Io, Kind(ConnectionReset)))) }"
            ),
            "the other side closed the connection; does one side use TLS alone?",
        ),
        (
            f'{_CALL}code: PermissionDenied, message: "Request unauthorized.", source: None }}',
            "Request unauthorized.",
        ),
        (f"{_CONNECT}Unheard)", "the connection failed"),
    ],
)
def test_what_a_library_says_of_its_insides_is_put_into_words(said: str, reason: str) -> None:
    assert plain_reason(said) == reason


@pytest.mark.parametrize("said", ["no answer within 2 s", "Namespace nowhere is not found."])
def test_what_can_be_read_stays(said: str) -> None:
    assert plain_reason(said) == said


_SAID = 'code: Unknown, message: "broken off", source: Some(tonic::transport::Error(Transport))'


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (RPCError(_SAID, RPCStatusCode.UNAVAILABLE, b""), ServerUnreachable),
        (RPCError(_SAID, RPCStatusCode.INTERNAL, b""), OutcomeUnknown),
        (RPCError(_SAID, RPCStatusCode.UNAUTHENTICATED, b""), HoldfastError),
        (RPCError(_SAID, RPCStatusCode.PERMISSION_DENIED, b""), HoldfastError),
        (TemporalError(_SAID), HoldfastError),
    ],
    ids=lambda value: getattr(getattr(value, "status", None), "name", None),
)
async def test_no_error_of_a_call_tells_of_a_library(
    raised: Exception, kind: type[HoldfastError]
) -> None:
    with pytest.raises(kind) as caught:
        async with answer_within(5, Status("cart-1"), "localhost:7233"):
            raise raised
    assert type(caught.value) is kind
    assert "tonic" not in str(caught.value)
    assert "broken off" in str(caught.value)
