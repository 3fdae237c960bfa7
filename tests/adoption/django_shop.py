"""A shop in Django, in a process of its own: it runs the lines of its code that it is given.

``python -m tests.adoption.django_shop c URL`` reads one JSON string of code a line, and answers
each with ``{"is": value}`` or ``{"raised": "Kind: words"}``. What is no expression answers null.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

from examples.adopting import in_django


def open_shop(letter: str, url: str) -> dict[str, Any]:
    """Set Django up for a shop and return the names that its code may use."""
    shop = f"shop_{letter}"
    in_django.set_up(shop, url)
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connection, transaction
    from django.db.models import F

    models = import_module(f"examples.adopting.{shop}.models")
    names = {**vars(models), "User": User, "F": F, "transaction": transaction}

    def migrate() -> None:
        # Django's own tables first: the shop's refer to them.
        call_command("migrate", verbosity=0)
        call_command("migrate", run_syncdb=True, verbosity=0)

    own = {"make_tables": lambda: in_django.make_tables(shop), "connection": connection}
    return {**names, "migrate": migrate, **own}


def main() -> None:
    names = open_shop(*sys.argv[1:3])
    for line in sys.stdin:
        code = json.loads(line)
        try:
            answer: dict[str, Any] = {"is": _run(code, names)}
        except Exception as error:  # noqa: BLE001 - it is told to the test
            answer = {"raised": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer, default=str), flush=True)


def _run(code: str, names: dict[str, Any]) -> Any:
    try:
        expression = compile(code, "shop", "eval")
    except SyntaxError:
        exec(code, names)
        return None
    return eval(expression, names)


if __name__ == "__main__":
    main()
