"""A call that meets a lost connection goes on with a fresh one."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from activities.inventory.database.errors import ConnectionLost

# Later than that, the caller asks again by itself, and a second try here would make it wait.
REPEAT_WITHIN_SECONDS: Final = 1.0

P = ParamSpec("P")
T = TypeVar("T")


def goes_on_afresh(call: Callable[P, T]) -> Callable[P, T]:
    """Make a call once more where its connection is found lost within ``REPEAT_WITHIN_SECONDS``.

    Nobody knows then whether a commit that was under way was made, so this is for calls that may
    be made twice: that read, or are answered by an id as they were the first time. The pool has
    let go of the lost connection and its elders, so the second try has a new one.
    """

    @wraps(call)
    def make(*args: P.args, **kwargs: P.kwargs) -> T:
        began = time.monotonic()
        try:
            return call(*args, **kwargs)
        except ConnectionLost:
            if time.monotonic() - began > REPEAT_WITHIN_SECONDS:
                raise
        return call(*args, **kwargs)

    return make
