"""All methods of a client, over any transport: what a checkout service types its code against."""

from __future__ import annotations

from holdfast_client.methods.amending import AmendMethods
from holdfast_client.methods.checkouts import CheckoutMethods
from holdfast_client.methods.parts import PartMethods
from holdfast_client.methods.payments import PaymentMethods
from holdfast_client.methods.reading import ReadingMethods
from holdfast_client.methods.stock import StockMethods


class Reservations(
    CheckoutMethods, AmendMethods, PartMethods, PaymentMethods, ReadingMethods, StockMethods
):
    """Reserves stock for checkouts, and says what became of them.

    Every method may raise, besides what it names itself:

    - InvalidRequest: an argument is wrong; nothing was sent.
    - OutcomeUnknown: no answer within ``answer_timeout_seconds``; asking again with the same id
      is safe (for ``extend``: with the same ``extension_id``). ServerUnreachable, a kind of it:
      Temporal could not be reached.
    - CheckoutInterrupted: the checkout's workflow was terminated, failed or timed out before the
      database had heard of it.
    - UsedAfterFork: the process was forked since the client was made; nothing was sent.
    - HoldfastError: Temporal refused the request itself (permissions, namespace, an unknown search
      attribute), or an answer does not fit this version of the client; or the client is closed.

    Args:
        transport: carries the questions: to Temporal, or to a shop in memory.
    """
