"""The settings of a worker, read from the environment."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from activities.inventory.database.session import LOCK_TIMEOUT_MS, STATEMENT_TIMEOUT_MS
from activities.inventory.database.urls import database_url
from activities.inventory.ledger_operations import (
    HOLD_SECONDS_CAP_DEFAULT,
    PAYMENT_GRACE_CAP_DEFAULT,
)
from activities.wake_up_plan import EXPIRIES_PER_SECOND_DEFAULT
from holdfast_client.transport.encryption import EncryptionKey, parse_keys
from worker.runtime import checked_address
from workflows.policies import RECONCILE_BATCH_SIZE, RECONCILE_GRACE_SECONDS

PREFIX: Final = "HOLDFAST_"
# Reserves, endings and extensions have up to four transactions under way each; the rest is for what
# shares none.
CONNECTIONS_MAX: Final = 20


class SettingsInvalid(Exception):
    """A setting is missing or wrong; the message names the variable."""


def _postgres(url: SecretStr) -> SecretStr:
    database_url(url.get_secret_value())
    return url


def _encryption_keys(keys: SecretStr) -> SecretStr:
    parse_keys(keys.get_secret_value())
    return keys


class Settings(BaseSettings):
    """Everything a worker can be told, each as ``HOLDFAST_<NAME>``.

    Where Temporal is, and how to reach it, the standard Temporal settings say
    (``TEMPORAL_ADDRESS``, ``TEMPORAL_NAMESPACE``, ``TEMPORAL_TLS_...``, profiles).

    Args:
        database_url: Postgres, as ``postgresql://user:password@host/database``, or with several
            servers, ``host1:port,host2:port``, and ``?target_session_attrs=read-write``.
        activity_slots: ledger calls at once, 1 to 200, of local and of regular activities each.
            Those of one moment share a connection, so a process needs far fewer of these.
        workflow_slots: workflow tasks at once, 2 to 1,000.
        cached_workflows: checkouts kept in memory between two messages, 100 to 100,000.
        expiries_per_second: of this worker's holds that end in the same moment so many wake their
            workflows a second, 1 to 10,000, beside as many as usual; their stock is free before.
        hold_seconds_cap: how long a hold may last in all, extensions included, in seconds.
        payment_grace_cap: how long after its deadline a hold waits for a payment in flight at most,
            in seconds.
        statement_timeout_ms: the database ends a statement that runs longer.
        lock_timeout_ms: the database ends a statement that waits longer for a lock.
        reconcile_interval_seconds: how often overdue holds without a workflow are looked for.
        reconcile_grace_seconds: how long a hold must be overdue before the reconciler ends it.
        reconcile_batch_size: holds that the reconciler ends in one transaction.
        shutdown_grace_seconds: how long a stop waits for calls that have begun.
        startup_wait_seconds: how long a start waits for the database and Temporal.
        stuck_seconds: a worker that stands still for longer ends itself, to be started anew.
        log_level: least severe level that is written.
        log_format: ``json`` for machines, ``text`` for people.
        worker_role: the database role of the workers, to which ``migrate`` grants what they need;
            nobody is granted anything if it is empty.
        reader_role: the database role of product pages, another than the workers', to which
            ``migrate`` grants to read availability; nobody is granted it if it is empty.
        encryption_keys: ``id:base64,id:base64``, each of 32 bytes; the first encrypts payloads,
            all decrypt. Nothing is encrypted if it is empty.
        metrics_address: ``IP:port`` at which Prometheus may read metrics; none if it is empty.
        tracing: ``on`` sends traces to where the standard ``OTEL_`` variables say.
        private_metadata: name no customer, cart, SKU or payment in search attributes and
            summaries.
        empty_ledger: ``accept`` lets a worker begin on a ledger without reservations although
            Temporal has checkouts that hold stock; their holds end.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    database_url: Annotated[SecretStr, AfterValidator(_postgres)]
    activity_slots: Annotated[int, Field(ge=1, le=200)] = 10
    workflow_slots: Annotated[int, Field(ge=2, le=1_000)] = 50
    # With too few (24 at once took 31 s with one, and hung with none) the SDK lets go of checkouts
    # whose call of the ledger has not come back, and each waits 10 s for its task to be redone.
    cached_workflows: Annotated[int, Field(ge=100, le=100_000)] = 2_000
    expiries_per_second: Annotated[int, Field(ge=1, le=10_000)] = EXPIRIES_PER_SECOND_DEFAULT
    hold_seconds_cap: Annotated[int, Field(ge=1, le=2_592_000)] = HOLD_SECONDS_CAP_DEFAULT
    payment_grace_cap: Annotated[int, Field(ge=0, le=86_400)] = PAYMENT_GRACE_CAP_DEFAULT
    statement_timeout_ms: Annotated[int, Field(ge=100, le=60_000)] = STATEMENT_TIMEOUT_MS
    lock_timeout_ms: Annotated[int, Field(ge=50, le=60_000)] = LOCK_TIMEOUT_MS
    reconcile_interval_seconds: Annotated[int, Field(ge=1, le=86_400)] = 60
    reconcile_grace_seconds: Annotated[int, Field(ge=0, le=86_400)] = RECONCILE_GRACE_SECONDS
    reconcile_batch_size: Annotated[int, Field(ge=1, le=500)] = RECONCILE_BATCH_SIZE
    shutdown_grace_seconds: Annotated[float, Field(ge=0, le=600)] = 20.0
    startup_wait_seconds: Annotated[float, Field(ge=0, le=600)] = 30.0
    stuck_seconds: Annotated[float, Field(ge=5, le=600)] = 30.0
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    log_format: Literal["json", "text"] = "json"
    worker_role: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@-]{0,63}$")] = ""
    reader_role: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@-]{0,63}$")] = ""
    encryption_keys: Annotated[SecretStr, AfterValidator(_encryption_keys)] = SecretStr("")
    metrics_address: Annotated[str, AfterValidator(checked_address)] = ""
    tracing: Literal["off", "on"] = "off"
    private_metadata: bool = False
    empty_ledger: Literal["refuse", "accept"] = "refuse"

    @property
    def connections_max(self) -> int:
        """Connections that a process opens at most: for every call, or as many as are of use."""
        return min(2 * self.activity_slots, CONNECTIONS_MAX)

    @property
    def database(self) -> str:
        return self.database_url.get_secret_value()

    @property
    def keys(self) -> tuple[EncryptionKey, ...]:
        return parse_keys(self.encryption_keys.get_secret_value())


def load_settings(**overrides: object) -> Settings:
    """Read the settings.

    Raises:
        SettingsInvalid: names each variable that is missing or wrong, and never its value.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # checked by the model itself
    except ValidationError as error:
        findings = error.errors(include_url=False, include_input=False, include_context=False)
        raise SettingsInvalid("\n".join(_finding(f["loc"], f["msg"]) for f in findings)) from None


def _finding(location: tuple[int | str, ...], message: str) -> str:
    variable = PREFIX + "_".join(str(part) for part in location).upper()
    problem = message.removeprefix("Value error, ")
    if problem == "Field required":
        return f"{variable} is not set"
    return f"{variable}: {problem}"
