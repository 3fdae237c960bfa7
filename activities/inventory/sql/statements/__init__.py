"""Every SQL statement of the ledger, named, explained, and together with those of its noun.

What only writes is a function in the database (`sql/functions`), so these call functions and read.

Arrays go in as parallel columns and are unnested, so one statement serves one row or a batch.
The clock is always ``holdfast.clock()``: the time of reading, not that of the transaction's begin.
Where rows are found by it, it is read once, in a subquery: a bare call would be made for each row
and no index could be used.

A connection keeps its plans, also those made while the tables were almost empty. The cheapest way
then is to read a whole index and compare, and it stays when a million rows have come. So rows that
belong to an array's are looked up by ``= ANY(ARRAY[key])`` or in a ``LATERAL`` with ``OFFSET 0``,
which leave no other way than one look-up for each.

Locks are taken by CLAIM_RESERVATIONS, CLAIM_OPERATION, LOCK_RESERVATIONS, CREATE_STOCK_ITEMS and
LOCK_STOCK, in the layers of docs/lifecycle.md and each by its key. Nothing else waits but the
functions, in the same layers.
"""
