"""Each operation of the ledger is written once, for threads and for coroutines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, Self, overload

from activities.inventory.database.calls import ResultT, Steps

P = ParamSpec("P")


class AskedByThreads(ABC):
    """Whose operations return their result."""

    @abstractmethod
    def _ask(self, begin: Callable[[], Steps[ResultT]]) -> ResultT:
        """Carry an operation out, once more from its beginning where its connection is lost."""


class AskedByCoroutines(ABC):
    """Whose operations are awaited."""

    @abstractmethod
    async def _ask(self, begin: Callable[[], Steps[ResultT]]) -> ResultT:
        """Carry an operation out, once more from its beginning where its connection is lost."""


class asked(Generic[P, ResultT]):  # noqa: N801  # it is read as a decorator
    """Makes a method that begins an operation one that carries it out, as its ledger does.

    A connection may be lost during a commit. Nobody knows then whether it was made, so this is for
    operations that may be made twice: they read, or an id has them answered as the first time.

    Args:
        begin: the method. It may refuse its arguments, and is called again for a second try.
    """

    def __init__(self, begin: Callable[Concatenate[Any, P], Steps[ResultT]]) -> None:
        self._begin = begin
        # So that the method keeps its docstring.
        update_wrapper(self, begin)  # type: ignore[arg-type]  # typeshed wants a function as wrapper

    @overload
    def __get__(self, ledger: None, owner: type) -> Self: ...

    @overload
    def __get__(self, ledger: AskedByThreads, owner: type) -> Callable[P, ResultT]: ...

    @overload
    def __get__(
        self, ledger: AskedByCoroutines, owner: type
    ) -> Callable[P, Coroutine[Any, Any, ResultT]]: ...

    def __get__(self, ledger: Any, owner: type) -> Any:
        if ledger is None:
            return self

        def ask(*args: P.args, **kwargs: P.kwargs) -> Any:
            return ledger._ask(lambda: self._begin(ledger, *args, **kwargs))

        return ask
