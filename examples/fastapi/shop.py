"""A checkout in FastAPI over Holdfast, in one file: a JSON API, and a page with the countdown.

Its rules are worth copying:

- The browser names the attempt to buy before anything is reserved, by an id that nobody can guess.
  Whatever is sent twice is one attempt, and whoever does not know the id cannot touch it.
- An outcome is an answer (200), whatever it says. Errors are for what is wrong or unknown.
- The payment is authorised, then the hold is confirmed, and only then is the money taken.
- What the payment provider tells by webhook, late or twice, is one call: `confirm` with `late`.
- Where the outcome is unknown (503), the page asks the same again with the same id.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, TypeVar
from uuid import UUID

import uvicorn
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, Field

from holdfast_client import (
    CheckoutConflict,
    CheckoutInterrupted,
    CheckoutNotFound,
    CheckoutReport,
    Committed,
    Fulfilled,
    GraceRefused,
    HoldfastError,
    HoldNotActive,
    InvalidRequest,
    Line,
    Outcome,
    OutcomeUnknown,
    RefundDue,
    RefundNotDue,
    ReservationClient,
    Reservations,
    SettledOutcome,
)

HOLD_SECONDS: Final = 600
BANK_SECONDS: Final = 600
ANSWER_TIMEOUT_SECONDS: Final = 5.0
ASKS_MAX: Final = 2
Answer = TypeVar("Answer")


class Cart(BaseModel):
    """What a shopper wants."""

    lines: Annotated[list[Line], Field(min_length=1, max_length=100)]
    customer_id: str | None = None


class PaymentEvent(BaseModel):
    """What a payment provider tells of a payment that the buyer makes at the bank's own page."""

    attempt: UUID
    reference: str
    event: Literal["started", "failed", "paid"]


class Payments:
    """Where your payment provider goes. Authorising is idempotent by the attempt's id."""

    async def authorise(self, attempt: UUID) -> str:
        """Set the money aside and return the provider's reference. It lapses if never taken."""
        return f"pay-{attempt}"

    async def capture(self, reference: str) -> None:
        """Take the money."""

    async def release(self, reference: str) -> None:
        """Give the money free."""

    async def refund(self, reference: str) -> None:
        """Give the money back; safe to repeat."""


payments = Payments()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Connect once for the process."""
    app.state.reservations = await ReservationClient.connect(
        answer_timeout_seconds=ANSWER_TIMEOUT_SECONDS
    )
    yield


app = FastAPI(title="Shop", lifespan=lifespan)


def _reservations(request: Request) -> Reservations:
    reservations: Reservations = request.app.state.reservations
    return reservations


Shop = Annotated[Reservations, Depends(_reservations)]


@app.middleware("http")
async def tell_time(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Tell the page what time it is here; the header Date may be a second old, or older."""
    answer = await call_next(request)
    answer.headers["Server-Time"] = datetime.now(UTC).isoformat()
    return answer


# --- the API -------------------------------------------------------------------------------------


@app.put("/checkouts/{attempt}")
async def reserve(attempt: UUID, cart: Cart, shop: Shop) -> Outcome:
    """Hold the whole cart, or say what is short."""
    return await _asked_again(
        lambda: shop.reserve(
            str(attempt), cart.lines, hold_seconds=HOLD_SECONDS, customer_id=cart.customer_id
        )
    )


@app.get("/checkouts/{attempt}")
async def status(attempt: UUID, shop: Shop) -> CheckoutReport:
    """Say where the attempt stands."""
    return await shop.status(str(attempt))


@app.post("/checkouts/{attempt}/payment")
async def pay(attempt: UUID, shop: Shop) -> SettledOutcome:
    """Authorise, confirm, and take the money only if the stock is the buyer's."""
    reference = await payments.authorise(attempt)
    outcome = await _asked_again(lambda: shop.confirm(str(attempt), reference))
    if isinstance(outcome, Fulfilled):
        await payments.capture(outcome.payment_reference)
    else:
        await payments.release(reference)
    return outcome


@app.post("/webhooks/payment")
async def told_of_payment(told: PaymentEvent, shop: Shop) -> None:
    """Take what the payment provider tells, which may come late and more than once.

    Check its signature first, and let it tell again after an error: each answer stays the same.
    """
    attempt, reference = str(told.attempt), told.reference
    if told.event == "started":
        with suppress(HoldNotActive, GraceRefused):
            await shop.payment_started(attempt, reference, BANK_SECONDS)
    elif told.event == "failed":
        await shop.payment_ended(attempt, reference)
    else:
        outcome = await _asked_again(lambda: shop.confirm(attempt, reference, late="reinstate"))
        is_second = isinstance(outcome, Committed) and outcome.duplicate_payment
        if isinstance(outcome, RefundDue) or is_second:
            await payments.refund(reference)
            with suppress(RefundNotDue):  # told before
                await shop.refund_done(reference, actor="webhook")


@app.delete("/checkouts/{attempt}")
async def cancel(attempt: UUID, shop: Shop) -> Outcome:
    """Give the hold back."""
    return await _asked_again(
        lambda: shop.cancel(str(attempt), reason="changed my mind", actor="shopper")
    )


async def _asked_again(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask, and where the outcome stays unknown ask the same again, a bounded number of times."""
    for _ in range(ASKS_MAX - 1):
        try:
            return await ask()
        except OutcomeUnknown:
            continue
    return await ask()


# --- errors --------------------------------------------------------------------------------------

# The first kind that fits counts.
STATUS_CODES: Final[dict[type[HoldfastError], int]] = {
    InvalidRequest: 422,
    CheckoutConflict: 409,
    CheckoutNotFound: 404,
    CheckoutInterrupted: 410,
    OutcomeUnknown: 503,
    HoldfastError: 502,
}


@app.exception_handler(HoldfastError)
async def refused(_request: Request, error: HoldfastError) -> JSONResponse:
    """Say what is wrong; after a 503 the same may be asked again, with the same id."""
    code = next(code for kind, code in STATUS_CODES.items() if isinstance(error, kind))
    headers = {"Retry-After": "1"} if isinstance(error, OutcomeUnknown) else None
    # What Holdfast says of its own servers is for the log, not for a shopper.
    detail = str(error) if isinstance(error, InvalidRequest) else type(error).__name__
    return JSONResponse({"detail": detail}, status_code=code, headers=headers)


# --- the page ------------------------------------------------------------------------------------


@app.get("/", response_class=HTMLResponse)
async def page() -> str:
    """Show the shop."""
    return PAGE


PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
  body { font: 17px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem;
         color: #1d2433; background: #fafbfc; }
  main { background: #fff; border: 1px solid #e1e5ec; border-radius: 12px; padding: 1.5rem 2rem; }
  h1 { font-size: 1.4rem; margin: .2rem 0 1rem; }
  label { display: flex; justify-content: space-between; padding: .4rem 0; }
  input { width: 4rem; font: inherit; padding: .2rem .4rem; }
  button { font: inherit; padding: .5rem 1.2rem; border: 0; border-radius: 8px; cursor: pointer;
           background: #1f5eff; color: #fff; margin: 1rem .5rem 0 0; }
  button.quiet { background: #eef1f6; color: #1d2433; }
  #countdown { font-size: 2.4rem; font-variant-numeric: tabular-nums; display: block; }
  [hidden] { display: none; }
</style></head><body><main>
<h1 id="title">Your cart</h1>
<p id="text"></p>
<form id="cart">
  <label>Stoneware mug <input name="MUG-01" type="number" value="1" min="0" max="20"></label>
  <label>Linen tea towel <input name="TEE-07" type="number" value="0" min="0" max="20"></label>
  <button>Check out</button>
</form>
<section id="held" hidden>
  <time id="countdown"></time>
  <button id="pay">Pay now</button><button id="cancel" class="quiet">Give it back</button>
</section>
</main>
<script>
const part = id => document.getElementById(id);
let attempt, timer;

// Unknown (503, or no answer at all): the same again, with the same id. It is always safe.
async function ask(method, path = "", body) {
  for (let asked = 1; ; asked++) {
    try {
      const answer = await fetch(`/checkouts/${attempt}${path}`, {
        method, body: body && JSON.stringify(body), headers: {"Content-Type": "application/json"},
      });
      if (answer.status !== 503) {
        const found = await answer.json();
        if (!answer.ok) throw new Error(JSON.stringify(found.detail));
        return {...found, now: new Date(answer.headers.get("Server-Time"))};
      }
    } catch (error) {
      if (!(error instanceof TypeError)) return {status: "error", message: error.message};
    }
    if (asked === 5) return {status: "unknown"};
    await new Promise(resume => setTimeout(resume, 1000));
  }
}

function show(outcome) {
  const texts = {
    held: ["We hold this for you", ""],
    denied: ["Not everything is available", (outcome.shortages ?? []).map(short =>
      `${short.sku}: ${short.available} left, you asked for ${short.requested}.`).join(" ")],
    fulfilled: ["Thank you, it is yours", "We are packing your order."],
    expired: ["The time is over", "Nothing was charged, and the items are free again."],
    cancelled: ["Given back", "Nothing was charged."],
    unavailable: ["Not just now", "We cannot reserve stock at the moment. Please try again soon."],
    unknown: ["We do not know yet", "Nothing is lost: reload this page to ask again."],
    error: ["Something is wrong", outcome.message],
  };
  // Not decided yet is not known yet.
  const status = outcome.status in texts ? outcome.status : "unknown";
  [part("title").textContent, part("text").textContent] = texts[status];
  const isOpen = status === "held" || status === "unknown";
  part("held").hidden = status !== "held";
  part("cart").hidden = isOpen;
  clearTimeout(timer);
  if (status === "held") countDown(outcome);
  // Kept while it is open: a reload finds it again. What comes after its end is a new attempt.
  if (isOpen) sessionStorage.attempt = attempt; else delete sessionStorage.attempt;
}

// Counted from the server's clock, so that a wrong one in the browser does not matter.
// While the buyer is at the bank the hold waits longer than they were told.
function countDown({expires_at, paying_until, now}) {
  const ends = Math.max(new Date(expires_at), new Date(paying_until ?? expires_at));
  const end = performance.now() + (ends - now);
  part("countdown").dateTime = expires_at;
  (function tick() {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    part("countdown").textContent =
      `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    timer = setTimeout(left ? tick : async () => show(await ask("GET")), left ? 250 : 2000);
  })();
}

part("cart").onsubmit = async event => {
  event.preventDefault();
  const lines = [...new FormData(part("cart"))]
    .map(([sku, quantity]) => ({sku, quantity: Number(quantity)}))
    .filter(line => line.quantity > 0);
  if (!lines.length) return;
  attempt = crypto.randomUUID();
  sessionStorage.attempt = attempt;
  show(await ask("PUT", "", {lines}));
};
part("pay").onclick = async () => show(await ask("POST", "/payment"));
part("cancel").onclick = async () => show(await ask("DELETE"));
(async () => {
  attempt = sessionStorage.attempt;
  if (attempt) show(await ask("GET"));
})();
</script></body></html>"""

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8000)
