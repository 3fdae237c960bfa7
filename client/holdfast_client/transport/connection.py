"""The connection to Temporal: its standard environment settings and profiles, bounded waits."""

from __future__ import annotations

import asyncio
import os
from typing import Final

from temporalio.client import Client
from temporalio.envconfig import ClientConfigProfile, ClientConnectConfig
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RetryConfig

from holdfast_client.contract.errors import HoldfastError, InvalidRequest, ServerUnreachable
from holdfast_client.transport.encryption import encrypting
from holdfast_client.transport.reasons import plain_reason
from holdfast_client.transport.shutdown import never_free, note_end_of_call

ADDRESS_DEFAULT: Final = "localhost:7233"
_WHERE_IT_IS_SET: Final = (
    "the argument, TEMPORAL_ADDRESS, or the profile in Temporal's configuration file"
)
# Retries end well before the answer's time is up, so that the caller hears the reason.
_RETRIES_SHARE: Final = 0.6
_RETRY_INTERVAL_SHARE: Final = 0.2

_runtimes: list[Runtime] = []


async def connected(
    address: str | None, namespace: str | None, answer_timeout_seconds: float
) -> Client:
    """Connect within ``answer_timeout_seconds``.

    Args:
        address: ``host:port``; None takes the environment's, or ``localhost:7233``.
        namespace: None takes the environment's, or ``default``.
        answer_timeout_seconds: the longest wait, also for later calls' retries.

    Raises:
        ServerUnreachable: nobody answered at the address.
        InvalidRequest: the address or the namespace is unusable.
        HoldfastError: the environment's settings, or its encryption keys, cannot be read.
    """
    settings = _settings(address, namespace)
    data_converter = encrypting()
    target = settings["target_host"]
    try:
        async with asyncio.timeout(answer_timeout_seconds):
            return await Client.connect(
                **settings,
                data_converter=data_converter,
                retry_config=_retries(answer_timeout_seconds),
                runtime=_quiet_runtime(),
            )
    except TimeoutError:
        note_end_of_call(abandoned=True)
        raise _unreachable(target, f"no answer within {answer_timeout_seconds:g} s") from None
    except RuntimeError as error:
        raise _unreachable(target, plain_reason(str(error))) from error
    except ValueError as error:
        raise InvalidRequest("address", f"{target!r} is not usable: {error}") from None
    finally:
        note_end_of_call()


def namespace_in_use(namespace: str | None) -> str:
    """Return the namespace that a connection would take; raises as :func:`connected` does."""
    return _settings(None, namespace)["namespace"]


def _settings(address: str | None, namespace: str | None) -> ClientConnectConfig:
    try:
        settings = ClientConfigProfile.load().to_client_connect_config()
    except (RuntimeError, ValueError) as error:
        raise HoldfastError(
            f"Temporal's settings in the environment or its profile file cannot be read: {error}"
        ) from error
    settings["target_host"] = _named("address", address) or settings.get(
        "target_host", ADDRESS_DEFAULT
    )
    check_target(settings["target_host"])
    settings["namespace"] = _named("namespace", namespace) or settings.get("namespace", "default")
    return settings


def check_target(target: str) -> None:
    """Raise InvalidRequest where an address is a URL, which Temporal's SDK would take apart."""
    scheme, is_url, rest = target.partition("://")
    if not is_url:
        return
    hint = "; TEMPORAL_TLS=true asks for TLS" if scheme.lower() == "https" else ""
    raise InvalidRequest(
        "address",
        f"{target!r} begins with a scheme, {scheme}://; write HOST:PORT alone, such as "
        f"{rest.strip('/') or ADDRESS_DEFAULT}{hint} ({_WHERE_IT_IS_SET})",
    )


def _named(field: str, text: str | None) -> str | None:
    if text is not None and (not isinstance(text, str) or not text.strip()):
        raise InvalidRequest(field, "must be a text that is not empty, or None")
    return text


def _retries(answer_timeout_seconds: float) -> RetryConfig:
    milliseconds = answer_timeout_seconds * 1_000
    return RetryConfig(
        max_elapsed_time_millis=max(1, int(milliseconds * _RETRIES_SHARE)),
        max_interval_millis=max(1, int(milliseconds * _RETRY_INTERVAL_SHARE)),
    )


def _quiet_runtime() -> Runtime:
    """Return this process's runtime, which logs nothing.

    The SDK's own default writes its retry warnings to standard output, into the middle of what
    the program prints there; this client raises them as errors instead.
    """
    if not _runtimes:
        runtime = Runtime(telemetry=TelemetryConfig(logging=None))
        never_free(runtime)
        _runtimes.append(runtime)
    return _runtimes[-1]


def _unreachable(target: str, reason: str) -> ServerUnreachable:
    return ServerUnreachable(
        f"Temporal at {target} cannot be reached ({reason}); check that it runs, and the address "
        f"({_WHERE_IT_IS_SET})"
    )


if hasattr(os, "register_at_fork"):
    # A fork copies no threads, so a child needs a runtime of its own.
    os.register_at_fork(after_in_child=_runtimes.clear)
