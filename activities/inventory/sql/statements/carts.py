"""Carts of an adopted shop, and requests that were refused for what is in them."""

from __future__ import annotations

from typing import Final

# What is in a cart and whose it is, as lines; or one row that says why it cannot be read.
READ_CART: Final = """
SELECT problem, customer, product, sku, location, quantity
  FROM holdfast.read_cart(%(cart_id)s, %(lines_max)s)
"""

NAME_CUSTOMERS: Final = """
SELECT holdfast.name_customers(%(ids)s::bigint[], %(customer_ids)s::text[])
"""

REFUSE_CLAIMS: Final = """
SELECT holdfast.refuse_claims(%(ids)s::bigint[], %(reasons)s::text[])
"""
