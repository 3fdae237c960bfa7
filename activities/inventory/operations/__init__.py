"""The ledger's operations, one verb to a file: what is asked of the database, and what decides.

Each is a generator of calls (:mod:`activities.inventory.database.calls`). Order of locks in each:
claim ids, lock reservations, lock stock; each by its key.
"""
