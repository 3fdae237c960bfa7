#!/bin/sh
# The ledger was restored from a backup: let Temporal do again what was done since that was made.
#
#   sh deploy/restore/replay-since.sh 2031-03-14T09:00:00Z
#
# Run it while the workers are stopped, and start them when it has ended. It resets to their
# beginning, by their kinds and in this order: the stock adjustments, the checkouts that were paid or
# cancelled, and those that are open. Each then asks the ledger again, which knows what it still has
# and does the rest. Asking twice changes nothing. Where Temporal is, its own settings say; the
# ledger is looked at by `python -m worker health` (HOLDFAST_WORKER says how else the worker is run).
set -eu

since=${1:?say since when, as in 2031-03-14T09:00:00Z}
worker=${HOLDFAST_WORKER:-python -m worker}
batch_seconds_max=3600

stop() { echo "replay-since: $*" >&2; exit 1; }

# wait_for temporal WORDS ...: ask until the answer, which is kept, tells of no batch that runs.
wait_for() {
  waited=0
  while :; do
    answer=$("$@") || stop "Temporal did not answer: $*"
    case $answer in *Running*) ;; *) return ;; esac
    waited=$((waited + 1))
    [ "$waited" -le "$batch_seconds_max" ] ||
      stop "a batch has run for $batch_seconds_max s; see: temporal batch list"
    sleep 1
  done
}

again() {
  count=$(temporal workflow count --query "$2")
  echo "$1: $count"
  wait_for temporal batch list
  started=$(temporal workflow reset --type FirstWorkflowTask --query "$2" --yes \
    --reason "the ledger was restored to $since")
  job=${started##*job ID: }
  # Not the list of batches, which may know of this one a moment later.
  wait_for temporal batch describe --job-id "$job"
  printf '%s\n' "$answer" | grep -q '^ *State *Completed' ||
    stop "it was not done; see: temporal batch describe --job-id $job"
}

# On a ledger that is not there, old, or empty while checkouts are open, all of them would be denied.
$worker health >/dev/null || stop "nothing was replayed"

again adjustments "WorkflowType = 'AdjustStockWorkflow' AND CloseTime > '$since'"
# Of what has completed, only what is not as usual has a CheckoutStatus; committed is paid as well.
again "paid or cancelled" "WorkflowType = 'CheckoutWorkflow' AND CloseTime > '$since' AND \
(CheckoutStatus IN ('committed', 'cancelled') OR \
(ExecutionStatus = 'Completed' AND CheckoutStatus IS NULL))"
again open "WorkflowType = 'CheckoutWorkflow' AND ExecutionStatus = 'Running'"
