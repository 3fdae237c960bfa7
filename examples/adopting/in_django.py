"""Django for a shop of these examples: its settings, and its tables as its database has them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from psycopg.conninfo import conninfo_to_dict

_HERE: Final = Path(__file__).parent


def set_up(shop: str, url: str) -> None:
    """Let Django know one of the shops, such as ``shop_b``, and its database."""
    database = conninfo_to_dict(url)
    settings.configure(
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            f"examples.adopting.{shop}",
        ],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": database["dbname"],
                "USER": database["user"],
                "PASSWORD": database.get("password", ""),
                "HOST": database["host"],
                "PORT": database.get("port", ""),
                # A schema that is named as the role, such as the ledger's, would come first.
                "OPTIONS": {"options": "-c search_path=public"},
            }
        },
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()


def make_tables(shop: str) -> None:
    """Make Django's own tables, and then the shop's, which refer to them."""
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute((_HERE / shop / "schema.sql").read_text())
