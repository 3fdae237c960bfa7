"""Adoption: a shop keeps its tables and its code, and the ledger's figures are in both.

A plan says what is what, `checking` what stands in the way, `script` what is put into the database,
and `steps` how it gets there beside a shop that goes on selling. What then keeps the two equal is
SQL, in `sql/`; the protocol is in docs/adopting.md.
"""
