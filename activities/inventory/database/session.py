"""What the ledger relies on in a session of the database, and how one sees that it is there.

A worker asks for these settings when it connects. A pooler between it and the server refuses that,
or drops them without a word; then the role has to carry them (`ALTER ROLE ... IN DATABASE ...`),
which no pooler can take away. `migrate` puts them there, and a worker that starts looks whether
they are in force.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

STATEMENT_TIMEOUT_MS: Final = 5_000
LOCK_TIMEOUT_MS: Final = 2_000
IDLE_IN_TRANSACTION_TIMEOUT_MS: Final = 10_000
# A statement's plan is made once for each connection and kept. One that was made while a table was
# small would go on to read it whole when it has grown, so daily work is told to go by the indexes:
# it looks rows up by key, some hundreds at most. And it is told to keep its plans: Postgres takes
# an array that it has not seen for one of ten entries, and would rather plan anew at every call.
DAILY_PLANS: Final = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
    # Up to Postgres 17 a way that is switched off is one of a monstrous cost, and where no other is
    # left, compiling the plan seems worth its while: seconds, for what takes a millisecond.
    "jit": "off",
}
# Nobody can ask for this one: it tells a standby, or a server that was told to take no writes.
READ_ONLY: Final = "transaction_read_only"
_RENEW: Final = (
    "A pooler's open connections keep what they had: let it renew them (PgBouncer: RECONNECT)."
)


class UnmetSetting(NamedTuple):
    """A setting that is not in force."""

    name: str
    wanted: str
    found: str

    def __str__(self) -> str:
        return f"{self.name} is {self.found or 'not set'}, not {self.wanted}"


def session_settings(
    statement_timeout_ms: int = STATEMENT_TIMEOUT_MS, lock_timeout_ms: int = LOCK_TIMEOUT_MS
) -> dict[str, str]:
    """Return the settings of a session, by name, in Postgres' base units (milliseconds).

    Args:
        statement_timeout_ms: the server ends a statement that runs longer; 0 for no limit.
        lock_timeout_ms: the server ends a statement that waits longer for one lock; 0 for none.
    """
    return {
        "statement_timeout": str(statement_timeout_ms),
        "lock_timeout": str(lock_timeout_ms),
        # The locks of a worker that stands still in a transaction come free.
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
        "TimeZone": "UTC",
        # A single statement names no isolation, so the database's own default would count. What
        # decides must be read after the wait for its lock, not before.
        "default_transaction_isolation": "read committed",
        **DAILY_PLANS,
    }


def startup_options(settings: Mapping[str, str]) -> str:
    """Return settings as the ``options`` of a connection that begins."""
    return " ".join(
        f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items()
    )


def unmet_settings(
    wanted: Mapping[str, str], found: Mapping[str, str | None]
) -> tuple[UnmetSetting, ...]:
    """Return what is not in force of what is wanted, in its order."""
    return tuple(
        UnmetSetting(name, value, found.get(name) or "")
        for name, value in wanted.items()
        if found.get(name) != value
    )


def role_statements(role: str, database: str, settings: Mapping[str, str]) -> tuple[str, ...]:
    """Return the statements that let a role carry settings in a database.

    Args:
        role: any, not quoted.
        database: any, not quoted.
        settings: of :func:`session_settings`, whose names and values need no escape.
    """
    names = f"ALTER ROLE {_quoted(role)} IN DATABASE {_quoted(database)}"
    return tuple(f"{names} SET {name} TO '{value}'" for name, value in settings.items())


def remedy(
    role: str, database: str, unmet: Sequence[UnmetSetting], carried: Mapping[str, str]
) -> str:
    """Return what is wrong with a session, and what to do about it, in a few lines.

    Args:
        role: whose session it is.
        database: that it is in.
        unmet: at least one.
        carried: the settings that the role carries in this database.
    """
    problem = "the sessions of this database are not as the ledger needs them: "
    problem += "; ".join(map(str, unmet)) + "."
    missing = {name: wanted for name, wanted, _ in unmet if carried.get(name) != wanted}
    if not missing:
        return f"{problem}\nThe role {role} carries that already. {_RENEW}"
    advice = (
        "A pooler drops what a worker asks for, so its role has to carry it: run "
        f"`python -m worker migrate` with HOLDFAST_WORKER_ROLE={role} and the workers' timeouts, "
        "or as a role that may:"
    )
    statements = [f"  {each};" for each in role_statements(role, database, missing)]
    return "\n".join([problem, advice, *statements, _RENEW])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
