"""Each fault that Holdfast has to survive, really injected, and where its tests stand.

==============================================  ================================================
fault                                           tests
==============================================  ================================================
a worker killed before, during and after        test_worker_deaths
reserve, fulfil and release
all workers gone longer than a hold lasts       test_worker_deaths
two generations of workers, rolling restart     worker/test_processes, workflows/test_message_races
Postgres stopped hard under load                test_database_outages; workflows/test_outage
Postgres unreachable: refused                   workflows/test_outage, inventory/test_unavailable
Postgres unreachable: silent                    test_database_outages (HOLDFAST_LONG_FAULTS=1: 30 s)
Postgres unreachable: old connections dead      test_database_outages
Postgres slow                                   test_database_outages, inventory/test_unavailable
Postgres out of connections                     test_database_outages, inventory/test_unavailable
a commit whose acknowledgement is lost          test_lost_commits
a lock held by a stranger                       test_database_outages, inventory/test_unavailable
Temporal killed and started again under load    test_temporal_outages; workflows/test_restart
Temporal unreachable (30 s likewise)            test_temporal_outages; client/test_unreachable
a client that times out and asks again          test_temporal_outages; client/test_silence
an attempt that commits after its retry, the    test_late_attempts; inventory/test_races
release, the end, the termination
a workflow terminated, deleted, paused, reset   test_orphans; workflows/test_reconcile
a workflow cancelled                            workflows/test_checkout, test_message_races
reconcilers: batches, several at once           test_expiry_storms, workflows/test_reconcile
5,000 holds that end in the same second         test_expiry_storms
5,000 overdue while everything was down         test_expiry_storms
2,000 checkouts in such storms                  test_expiry_storms (HOLDFAST_LONG_FAULTS=1)
carts of 1 to 300 lines by 50 clients           test_crowds; inventory/test_concurrency
the order of locks                              test_crowds, inventory/test_lock_order
messages in any order and number, garbage       messages, workflows/test_bad_messages
clocks ten minutes apart, either way            test_clocks; workflows/test_deadlines
a new version of the workflow code              histories, workflows/test_replay
==============================================  ================================================

Where nothing else is named a module stands in this directory, otherwise below ``tests``. The tools:
``proxy`` is the network, ``late_ledger`` the machine that stood still, ``shoppers`` the load.
"""
