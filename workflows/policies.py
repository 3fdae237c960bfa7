"""Every timeout, retry and limit of the workflows, by name."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from temporalio.common import RetryPolicy

# A call of the ledger takes milliseconds, so it first runs inside the workflow task, which costs
# half the history. A database that is away shows within these seconds.
LOCAL_TRY_BUDGET: Final = timedelta(seconds=3)
LOCAL_ATTEMPT_TIMEOUT: Final = timedelta(seconds=2)
# The attempts are counted too, because Temporal ends a local activity by its budget only while an
# attempt runs: a database that refuses at once would be asked for ever. These take 1.6 s.
LOCAL_RETRY: Final = RetryPolicy(
    initial_interval=timedelta(milliseconds=50),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=1),
    maximum_attempts=6,
)

# Then it becomes a regular activity, which support can see waiting.
ATTEMPT_TIMEOUT: Final = timedelta(seconds=10)
# A shopper waits for the reserve, so it gives up: this many seconds in all, with those above.
RESERVE_RETRY_BUDGET: Final = timedelta(seconds=7)
# Whoever waits for a decision has given up by then: a reserve that comes later holds nothing.
RESERVE_BUDGET: Final = LOCAL_TRY_BUDGET + RESERVE_RETRY_BUDGET
# Temporal ends the activity by that budget, but one that waited when its checkout was reset, and
# found no worker in time, it neither starts nor ends (server 1.32). So the workflow counts as well.
RESERVE_GUARD: Final = RESERVE_RETRY_BUDGET + timedelta(seconds=2)
RESERVE_RETRY: Final = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=1.5,
    maximum_interval=timedelta(seconds=2),
)
# Money or stock depends on the rest, so they outlast any outage that is not the shop's end.
LASTING_RETRY_BUDGET: Final = timedelta(days=30)
LASTING_RETRY: Final = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=15),
)

# A deadline that the ledger says is still ahead is waited for at least this long, so that clocks
# which disagree by a hair cannot make the workflow spin.
WAIT_SECONDS_MIN: Final = 0.05

# Each answer of the ledger tells the time that is left a little differently, by how long the answer
# took. Differences up to this move no timer.
CLOCK_JITTER_SECONDS: Final = 1.0

# A request encrypted with a key that no worker has. By then no shopper waits for it any more.
UNREADABLE_START_BUDGET: Final = timedelta(hours=1)

MESSAGE_BYTES_MAX: Final = 1_000_000
# What a run is started with, in all; Temporal takes 2 MiB. Lines of long names are most of it.
RUN_INPUT_BYTES_MAX: Final = 2_000_000
# What is said in one workflow task, as far as it can be told before; Temporal takes 4 MiB, and ends
# the run otherwise. It leaves room for one call that has more to say than the one before, and for
# what the next run is started with. The pause ends the task; Temporal makes a second of it.
TASK_BYTES_MAX: Final = 1_500_000
TASK_PAUSE: Final = timedelta(milliseconds=1)
WAITING_MESSAGES_MAX: Final = 100
EVENTS_KEPT_MAX: Final = 100
HISTORY_EVENTS_MAX: Final = 2_000
# A run cannot give way to the next while messages wait, and extensions that never cease would let
# it grow without end. From here on it refuses them, so that what waits can be served.
HISTORY_EVENTS_REFUSING: Final = 2 * HISTORY_EVENTS_MAX
# A committed checkout may wait for months: a run gives way to the next after so long, so that no
# code of workflows is needed for longer.
COMMITTED_RUN_MAX: Final = timedelta(days=7)
# A checkout that has got so many signals in one run does not answer and end in one task.
SIGNALS_MANY: Final = 20
# So many signals in one run are put on record as unread, each at the cost of all before it.
UNREAD_SIGNALS_MAX: Final = 50
END_PAUSE: Final = timedelta(seconds=1)
LINES_SHOWN_MAX: Final = 20
SIGNAL_NAME_SHOWN_MAX: Final = 100

# A run of the reconciler that is stuck gives way to the next.
RECONCILE_BUDGET: Final = timedelta(minutes=10)
DRIFT_TIMEOUT: Final = timedelta(minutes=2)
RECONCILE_GRACE_SECONDS: Final = 60
RECONCILE_BATCH_SIZE: Final = 200
RECONCILE_BATCHES_MAX: Final = 100
