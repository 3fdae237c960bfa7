"""What columns of goods are called in shops' files, whether of orders or of stock.

Spelled as ``plain_heading`` does, in order of preference.
"""

from __future__ import annotations

from typing import Final

SKU_HEADINGS: Final = (
    "stockcode",
    "sku",
    "lineitemsku",
    "itemsku",
    "variantsku",
    "productsku",
    "productcode",
    "itemcode",
    "productid",
    "itemid",
    "item",
    "product",
)
QUANTITY_HEADINGS: Final = ("quantity", "qty")
# After all others: it may also say what a quantity is measured in.
UNITS_HEADING: Final = "units"
