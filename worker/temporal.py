"""The worker's connection to Temporal, and what it must find there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.client import (
    Client,
    Plugin,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode

from holdfast_client.contract.names import (
    RECONCILE_SCHEDULE_ID,
    RECONCILE_WORKFLOW,
    SEARCH_ATTRIBUTE_TYPES,
    TASK_QUEUE,
)
from holdfast_client.transport.connection import check_target
from holdfast_client.transport.encryption import EncryptionKey
from worker.converter import data_converter
from worker.runtime import temporal_runtime
from worker.settings import Settings
from workflows.reconcile import ReconcileOptions

ADDRESS_DEFAULT: Final = "localhost:7233"
_RPC_TIMEOUT: Final = timedelta(seconds=10)
_CATCHUP_WINDOW: Final = timedelta(minutes=1)


class SearchAttributesMissing(Exception):
    """The namespace lacks search attributes, and this worker may not add them."""


async def connect_temporal(
    address: str | None = None,
    keys: Sequence[EncryptionKey] = (),
    runtime: Runtime | None = None,
    plugins: Sequence[Plugin] = (),
) -> Client:
    """Connect as the standard Temporal settings say, or to a server of our own.

    Args:
        address: of a server of our own. None of those settings counts for it: an API key or a
            namespace of the real Temporal has no business there.
        keys: the first encrypts payloads, all decrypt.
        runtime: of `worker.runtime`; none for the one that keeps no metrics.
        plugins: for the client, and for the workers that are made of it.

    Raises:
        RuntimeError: Temporal does not answer.
        InvalidRequest: the address is a URL.
    """
    converter = data_converter(keys)
    runtime = runtime or temporal_runtime()
    config = _connection_settings() if address is None else {"target_host": address}
    return await Client.connect(
        **config, data_converter=converter, runtime=runtime, plugins=plugins
    )


async def ensure_search_attributes(client: Client) -> None:
    """Add the search attributes that the namespace lacks. A second call does nothing.

    Raises:
        SearchAttributesMissing: they are not there and may not be added from here.
    """
    missing = set(SEARCH_ATTRIBUTE_TYPES) - await known_search_attributes(client)
    if not missing:
        return
    try:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(
                namespace=client.namespace,
                search_attributes={name: _indexed_type(name) for name in sorted(missing)},
            ),
            timeout=_RPC_TIMEOUT,
        )
    except RPCError as error:
        if error.status == RPCStatusCode.ALREADY_EXISTS:
            return
        raise SearchAttributesMissing(_how_to_add(client.namespace, missing)) from error


async def ensure_schedule(client: Client, settings: Settings) -> None:
    """Create the reconciler's schedule, or bring it to these settings. Safe to repeat."""
    schedule = _schedule(settings)
    try:
        await client.create_schedule(RECONCILE_SCHEDULE_ID, schedule, rpc_timeout=_RPC_TIMEOUT)
    except ScheduleAlreadyRunningError:
        handle = client.get_schedule_handle(RECONCILE_SCHEDULE_ID)

        def updated(input: ScheduleUpdateInput) -> ScheduleUpdate:
            # Somebody may have paused it for a reason; that stays.
            schedule.state = input.description.schedule.state
            return ScheduleUpdate(schedule)

        await handle.update(updated, rpc_timeout=_RPC_TIMEOUT)


def _connection_settings() -> ClientConnectConfig:
    config = ClientConfig.load_client_connect_config()
    config["target_host"] = config.get("target_host") or ADDRESS_DEFAULT
    check_target(config["target_host"])
    return config


def _schedule(settings: Settings) -> Schedule:
    options = ReconcileOptions(
        grace_seconds=settings.reconcile_grace_seconds, batch_size=settings.reconcile_batch_size
    )
    return Schedule(
        action=ScheduleActionStartWorkflow(
            RECONCILE_WORKFLOW,
            options,
            id=RECONCILE_SCHEDULE_ID,
            task_queue=TASK_QUEUE,
            static_summary="End holds that no workflow has ended",
        ),
        spec=ScheduleSpec(
            intervals=[
                ScheduleIntervalSpec(every=timedelta(seconds=settings.reconcile_interval_seconds))
            ]
        ),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=_CATCHUP_WINDOW),
    )


async def known_search_attributes(client: Client) -> set[str]:
    """Return the names of the namespace's own search attributes."""
    answer = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), timeout=_RPC_TIMEOUT, retry=True
    )
    return set(answer.custom_attributes)


def _indexed_type(name: str) -> IndexedValueType.ValueType:
    words = {"Keyword": "KEYWORD", "KeywordList": "KEYWORD_LIST"}
    return IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{words[SEARCH_ATTRIBUTE_TYPES[name]]}")


def _how_to_add(namespace: str, missing: set[str]) -> str:
    options = " ".join(
        f"--name {name} --type {SEARCH_ATTRIBUTE_TYPES[name]}" for name in sorted(missing)
    )
    return (
        f"the namespace {namespace} lacks the search attributes {', '.join(sorted(missing))}; "
        f"add them: temporal operator search-attribute create --namespace {namespace} {options}"
    )
