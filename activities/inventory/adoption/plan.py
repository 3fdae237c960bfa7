"""The plan of an adoption: a file that says what in a shop's tables is what."""

from __future__ import annotations

import re
import string
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from activities.inventory.sql.schema import SCHEMA
from holdfast_client.contract.fields import Location

PLAN_BYTES_MAX: Final = 100_000
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,62}")

Policy = Literal["shared", "ledger", "refuse"]
Source = Literal["customer_id", "cart_id", "checkout_id", "held_at"]


class PlanInvalid(Exception):
    """A plan file that cannot be read, or says what cannot be; the message names the field."""


def _column(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("is not the name of a column")
    return text


def _table(text: str) -> str:
    parts = text.split(".")
    if len(parts) > 2 or not all(map(_NAME.fullmatch, parts)):
        raise ValueError('is not the name of a table ("table" or "schema.table")')
    schema, table = parts if len(parts) == 2 else ("public", *parts)
    if schema == SCHEMA:
        raise ValueError(f"a table of the schema {SCHEMA} is the ledger's own")
    return f"{schema}.{table}"


Column = Annotated[str, AfterValidator(_column)]
Table = Annotated[str, AfterValidator(_table)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)


class Elsewhere(_Section):
    """A column of another table.

    Args:
        table: the other table, which has a primary key of one column.
        column: of that table.
        via: the column of the stock's own table that refers to the key of the other.
    """

    table: Table
    column: Column
    via: Column


class Stock(_Section):
    """Where the shop keeps its stock.

    Args:
        table: a row for each product.
        key: the column of its primary key.
        sku: a column, one of another table, or a template of columns such as ``product-{id}``.
        name: a column, or one of the same other table; none if it is left out.
        active: the same, of a product that may be sold.
        total: the units that are there. Without it stock comes by the ledger's own commands.
        reserved: the units of them that are reserved.
        updated_at: set where the ledger writes a figure.
        location: of all stock items of this table.
    """

    table: Table
    key: Column = "id"
    sku: str | Elsewhere
    name: Column | Elsewhere | None = None
    active: Column | Elsewhere | None = None
    total: Column | None = None
    reserved: Column | None = None
    updated_at: Column | None = None
    location: Location = "main"

    @model_validator(mode="after")
    def _one_other_table(self) -> Stock:
        others = {(each.table, each.via) for each in self.elsewhere}
        if len(others) > 1:
            raise ValueError("sku, name and active come from one other table, by one column")
        if isinstance(self.sku, str):
            for column in template_columns(self.sku):
                _column(column)
        if self.reserved and not self.total:
            raise ValueError("reserved without total: nothing says what it is a part of")
        return self

    @property
    def elsewhere(self) -> tuple[Elsewhere, ...]:
        """What stands in another table."""
        return tuple(e for e in (self.sku, self.name, self.active) if isinstance(e, Elsewhere))

    @property
    def figures(self) -> dict[Literal["total", "reserved"], str]:
        """The columns of figures that there are."""
        found: dict[Literal["total", "reserved"], str] = {}
        if self.total:
            found["total"] = self.total
        if self.reserved:
            found["reserved"] = self.reserved
        return found


class Writes(_Section):
    """What becomes of the figures that the shop's own code writes.

    ``shared``: a change counts, down to what checkouts hold. ``ledger``: it is put back.
    ``refuse``: it fails with a sentence that says what to call instead.
    """

    total: Policy | None = None
    reserved: Policy | None = None


class CartItems(_Section):
    """The lines of the shop's carts."""

    table: Table
    cart: Column
    product: Column
    quantity: Column


class Carts(_Section):
    """The shop's carts, and what becomes of them when a checkout of theirs ends.

    Args:
        table: a row for each cart; none where a cart is only an id on its lines.
        key: the column that a checkout's ``cart_id`` names.
        customer: the column of the buyer.
        status: the column that is set.
        fulfilled: to what, when the checkout was paid; nothing if it is left out.
        expired: when its time was over.
        cancelled: when it was given back.
        updated_at: set with it, and where lines are taken out.
        items: the lines.
        clear_on: outcomes on which what was bought is taken out of the cart.
    """

    table: Table | None = None
    key: Column = "id"
    customer: Column | None = None
    status: Column | None = None
    fulfilled: str | None = None
    expired: str | None = None
    cancelled: str | None = None
    updated_at: Column | None = None
    items: CartItems | None = None
    clear_on: tuple[Literal["fulfilled", "cancelled", "expired"], ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("clear_on"), list):
            return {**given, "clear_on": tuple(given["clear_on"])}
        return given

    @model_validator(mode="after")
    def _whole(self) -> Carts:
        words = (self.fulfilled, self.expired, self.cancelled)
        if any(words) and not (self.status and self.table):
            raise ValueError("fulfilled, expired and cancelled are words of a status: name it")
        if self.clear_on and not self.items:
            raise ValueError("clear_on takes lines out: name the items")
        if not (self.table or self.items):
            raise ValueError("name the table of the carts, or their items, or both")
        return self


class Holds(BaseModel):
    """A table in which the shop sees open holds as rows.

    Args:
        table: with a primary key of one column that has a default.
        product: the column that refers to the product.
        quantity: units.
        expires_at: the deadline.
        others: further columns, and where they come from.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="allow", hide_input_in_errors=True)
    __pydantic_extra__: dict[str, Source] = Field(init=False)

    table: Table
    product: Column
    quantity: Column
    expires_at: Column

    @property
    def others(self) -> dict[str, Source]:
        """Further columns, and where they come from."""
        return dict(self.__pydantic_extra__ or {})


class Plan(_Section):
    """What in a shop's tables is what."""

    stock: Stock
    writes: Writes = Writes()
    carts: Carts | None = None
    holds: Holds | None = None

    @model_validator(mode="after")
    def _policies(self) -> Plan:
        for figure, column in (("total", self.stock.total), ("reserved", self.stock.reserved)):
            policy = getattr(self.writes, figure)
            if column and not policy:
                raise ValueError(f"writes.{figure}: say shared, ledger or refuse for {column}")
            if policy and not column:
                raise ValueError(f"writes.{figure}: there is no such column in stock")
        return self


def template_columns(sku: str) -> tuple[str, ...]:
    """Return the columns of a SKU: of a template those it names, else the one that it is."""
    named = [field for _, field, _, _ in string.Formatter().parse(sku) if field is not None]
    return tuple(named) if "{" in sku else (sku,)


def read_plan(path: Path) -> Plan:
    """Read a plan file.

    Raises:
        PlanInvalid: it cannot be read, or a field of it is wrong.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise PlanInvalid(f"{path} cannot be read: {error.strerror}") from None
    if len(text) > PLAN_BYTES_MAX:
        raise PlanInvalid(f"{path} is longer than {PLAN_BYTES_MAX:,} bytes")
    try:
        return Plan.model_validate(tomllib.loads(text.decode("utf-8")))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PlanInvalid(f"{path} is not TOML: {error}") from None
    except ValidationError as error:
        raise PlanInvalid("\n".join(_findings(error))) from None


def _findings(error: ValidationError) -> list[str]:
    found: dict[str, str] = {}
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        # Of a union every kind complains; the first says enough.
        where = ".".join(str(part) for part in each["loc"][:2]) or "plan"
        found.setdefault(where, each["msg"].removeprefix("Value error, "))
    return [f"{where}: {what}" for where, what in found.items()]
