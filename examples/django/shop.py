"""A checkout in Django over Holdfast, in one file: cart, hold with countdown, payment.

Its rules are worth copying:

- The session carries the id of the attempt to buy *before* anything is reserved, so whatever is
  sent twice (a double click, a reload, a retry) is one attempt.
- What became of an attempt is read from Holdfast, never remembered here.
- The payment is authorised, then the hold is confirmed, and only then is the money taken.
- What the payment provider tells by webhook, late or twice, is one call: `confirm` with `late`.
- Where the outcome is unknown, the same is asked again with the same id, which is always safe.
"""

from __future__ import annotations

import os
import secrets
import sys
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, TypeVar

from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from holdfast_client import (
    CheckoutConflict,
    CheckoutInterrupted,
    CheckoutNotFound,
    Committed,
    Denied,
    Fulfilled,
    GraceRefused,
    Held,
    HoldNotActive,
    Outcome,
    OutcomeUnknown,
    RefundDue,
    RefundNotDue,
    SyncReservationClient,
)

CATALOGUE: Final = {"MUG-01": "Stoneware mug", "TEE-07": "Linen tea towel"}
HOLD_SECONDS: Final = 600
BANK_SECONDS: Final = 600
QUANTITY_MAX: Final = 20
ASKS_MAX: Final = 2
Answer = TypeVar("Answer")

# One for the process: it connects on first use, and again in each process that a server forks.
reservations = SyncReservationClient(answer_timeout_seconds=5)


class Payments:
    """Where your payment provider goes. Authorising is idempotent by the attempt's id."""

    def authorise(self, attempt: str) -> str:
        """Set the money aside and return the provider's reference. It lapses if never taken."""
        return f"pay-{attempt}"

    def capture(self, reference: str) -> None:
        """Take the money."""

    def release(self, reference: str) -> None:
        """Give the money free."""

    def refund(self, reference: str) -> None:
        """Give the money back; safe to repeat."""


payments = Payments()


# --- views ---------------------------------------------------------------------------------------


@require_GET
def cart(request: HttpRequest) -> HttpResponse:
    """Show what can be bought; the attempt gets its id here."""
    _begin_attempt(request)
    return _cart(request)


@require_POST
def reserve(request: HttpRequest) -> HttpResponse:
    """Hold the whole cart, or say what is short."""
    _begin_attempt(request)
    lines = _lines(request)
    if not lines:
        return _cart(request, "Put something into your cart first.")
    outcome = _reserve(request, lines)
    if isinstance(outcome, Denied):
        return _cart(request, "Not everything is available.", outcome)
    return redirect("checkout")


@require_GET
def checkout(request: HttpRequest) -> HttpResponse:
    """Show where the attempt stands: the countdown, or how it ended."""
    report = reservations.status(_attempt(request))
    lines = [(CATALOGUE.get(line.sku, line.sku), line.quantity) for line in report.lines]
    page = {"report": report, "lines": lines}
    if report.status == "held" and report.expires_at is not None:
        # Told in seconds, so that a wrong clock in the browser does not matter.
        # While the buyer is at the bank the hold waits longer than they were told.
        left = max(report.expires_at, report.paying_until or report.expires_at) - datetime.now(UTC)
        return render(request, "held.html", {**page, "seconds": max(0.0, left.total_seconds())})
    request.session["over"] = report.status != "pending"
    return render(request, "ended.html", page)


@require_POST
def pay(request: HttpRequest) -> HttpResponse:
    """Authorise, confirm, and take the money only if the stock is the buyer's."""
    attempt = _attempt(request)
    reference = payments.authorise(attempt)
    outcome = _asked_again(lambda: reservations.confirm(attempt, reference))
    if isinstance(outcome, Fulfilled):
        payments.capture(outcome.payment_reference)
    else:
        payments.release(reference)
    return redirect("checkout")


@csrf_exempt
@require_POST
def told_of_payment(request: HttpRequest) -> HttpResponse:
    """Take what the payment provider tells, which may come late and more than once.

    Check its signature first, and let it tell again after an error: each answer stays the same.
    """
    attempt, reference = request.POST["attempt"], request.POST["reference"]
    match request.POST["event"]:
        case "started":
            with suppress(HoldNotActive, GraceRefused):
                reservations.payment_started(attempt, reference, BANK_SECONDS)
        case "failed":
            reservations.payment_ended(attempt, reference)
        case "paid":
            _settle(attempt, reference)
    return HttpResponse(status=204)


def _settle(attempt: str, reference: str) -> None:
    outcome = _asked_again(lambda: reservations.confirm(attempt, reference, late="reinstate"))
    is_second = isinstance(outcome, Committed) and outcome.duplicate_payment
    if isinstance(outcome, RefundDue) or is_second:
        payments.refund(reference)
        with suppress(RefundNotDue):  # told before
            reservations.refund_done(reference, actor="webhook")


@require_POST
def cancel(request: HttpRequest) -> HttpResponse:
    """Give the hold back."""
    attempt = _attempt(request)
    _asked_again(lambda: reservations.cancel(attempt, reason="changed my mind", actor="shopper"))
    return redirect("checkout")


class Trouble:
    """Middleware: what to tell the shopper when a view got no outcome, in one place for all."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Turn an error of Holdfast's client into a page."""
        if isinstance(error, OutcomeUnknown):
            # The page sends the same again, with the same id.
            return render(request, "unknown.html", status=503)
        if isinstance(error, CheckoutNotFound | CheckoutInterrupted):
            request.session["attempt"] = _new_attempt()
            return _cart(request, "That checkout is over. Please try again.")
        return None


# --- small parts ---------------------------------------------------------------------------------


def _reserve(request: HttpRequest, lines: list[tuple[str, int]]) -> Outcome:
    attempt, successor = _attempt(request), _new_attempt()
    try:
        outcome = _held_for(attempt, lines, request)
    except CheckoutConflict:
        # The cart was changed after it was held. The new one is held first, so that the good
        # hold is given back only once there is a better one.
        outcome = _held_for(successor, lines, request)
        if isinstance(outcome, Held):
            _asked_again(lambda: reservations.cancel(attempt, reason="the cart was changed"))
            request.session["attempt"] = successor
    else:
        if isinstance(outcome, Denied):
            # Final for this id; whatever is tried next is a new attempt.
            request.session["attempt"] = successor
    return outcome


def _held_for(attempt: str, lines: list[tuple[str, int]], request: HttpRequest) -> Outcome:
    customer = request.session.get("customer")
    return _asked_again(
        lambda: reservations.reserve(
            attempt, lines, hold_seconds=HOLD_SECONDS, customer_id=customer
        )
    )


def _asked_again(ask: Callable[[], Answer]) -> Answer:
    """Ask, and where the outcome stays unknown ask the same again, a bounded number of times."""
    for _ in range(ASKS_MAX - 1):
        try:
            return ask()
        except OutcomeUnknown:
            continue
    return ask()


def _begin_attempt(request: HttpRequest) -> None:
    """Give the session a new attempt if it has none, or has seen the end of its last one."""
    if request.session.pop("over", False) or "attempt" not in request.session:
        request.session["attempt"] = _new_attempt()


def _new_attempt() -> str:
    return f"cart-{uuid.uuid4()}"


def _attempt(request: HttpRequest) -> str:
    try:
        return str(request.session["attempt"])
    except KeyError:
        raise CheckoutNotFound("this session has no attempt to buy") from None


def _lines(request: HttpRequest) -> list[tuple[str, int]]:
    wanted = ((sku, request.POST.get(sku, "")) for sku in CATALOGUE)
    counted = ((sku, int(text)) for sku, text in wanted if text.isdecimal())
    return [(sku, quantity) for sku, quantity in counted if 0 < quantity <= QUANTITY_MAX]


def _cart(request: HttpRequest, notice: str = "", denied: Denied | None = None) -> HttpResponse:
    page = {"catalogue": CATALOGUE, "notice": notice, "quantity_max": QUANTITY_MAX}
    return render(request, "cart.html", {**page, "shortages": denied.shortages if denied else ()})


# --- pages ---------------------------------------------------------------------------------------

BASE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
  body { font: 17px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem;
         color: #1d2433; background: #fafbfc; }
  main { background: #fff; border: 1px solid #e1e5ec; border-radius: 12px; padding: 1.5rem 2rem; }
  h1 { font-size: 1.4rem; margin: .2rem 0 1rem; }
  .row { display: flex; justify-content: space-between; align-items: center; padding: .4rem 0; }
  input[type=number] { width: 4rem; font: inherit; padding: .2rem .4rem; }
  button { font: inherit; padding: .5rem 1.2rem; border: 0; border-radius: 8px; cursor: pointer;
           background: #1f5eff; color: #fff; }
  button.quiet { background: #eef1f6; color: #1d2433; }
  .notice { background: #fff4e0; border-radius: 8px; padding: .6rem 1rem; }
  #countdown { font-size: 2.4rem; font-variant-numeric: tabular-nums; display: block; }
  .buttons { display: flex; gap: .8rem; margin-top: 1.2rem; }
</style></head><body><main>{% block main %}{% endblock %}</main></body></html>"""

CART: Final = """{% extends "base.html" %}{% block main %}
<h1>Your cart</h1>
{% if notice %}<p class="notice">{{ notice }}
  {% for short in shortages %}<br>{{ short.sku }}: {{ short.available }} left, you asked for
  {{ short.requested }}.{% endfor %}</p>{% endif %}
<form method="post" action="{% url 'reserve' %}">{% csrf_token %}
  {% for sku, name in catalogue.items %}
  <div class="row"><label for="{{ sku }}">{{ name }}</label>
    <input type="number" id="{{ sku }}" name="{{ sku }}" value="0" min="0"
           max="{{ quantity_max }}"></div>
  {% endfor %}
  <div class="buttons"><button>Check out</button></div>
</form>{% endblock %}"""

HELD: Final = """{% extends "base.html" %}{% block main %}
<h1>We hold this for you</h1>
{% for name, quantity in lines %}
<div class="row"><span>{{ name }}</span><span>{{ quantity }}</span></div>{% endfor %}
<time id="countdown" datetime="{{ report.expires_at|date:'c' }}"
      data-seconds="{{ seconds|floatformat:'1u' }}"></time>
<div class="buttons">
  <form method="post" action="{% url 'pay' %}">{% csrf_token %}<button>Pay now</button></form>
  <form method="post" action="{% url 'cancel' %}">{% csrf_token %}
    <button class="quiet">Give it back</button></form>
</div>
<script>
  const clock = document.getElementById("countdown");
  const end = performance.now() + Number(clock.dataset.seconds) * 1000;
  function tick() {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    // At the deadline the server says how it stands.
    if (left === 0) setTimeout(() => location.reload(), 2000); else setTimeout(tick, 250);
  }
  tick();
</script>{% endblock %}"""

ENDED: Final = """{% extends "base.html" %}{% block main %}
{% if report.status == "fulfilled" %}<h1>Thank you, it is yours</h1>
  <p>We are packing your order.</p>
{% elif report.status == "expired" %}<h1>The time is over</h1>
  <p>Nothing was charged, and the items are free again.</p>
{% elif report.status == "cancelled" %}<h1>Given back</h1><p>Nothing was charged.</p>
{% elif report.status == "unavailable" %}<h1>Not just now</h1>
  <p>We cannot reserve stock at the moment. Nothing was charged; please try again soon.</p>
{% elif report.status == "denied" %}<h1>Not everything is available</h1>
{% else %}<h1>One moment</h1><meta http-equiv="refresh" content="1">{% endif %}
<p><a href="{% url 'cart' %}">Back to the shop</a></p>{% endblock %}"""

UNKNOWN: Final = """{% extends "base.html" %}{% block main %}
<h1>We do not know yet</h1>
<p>The shop is slow to answer. Nothing is lost: asking again cannot buy or charge twice.</p>
<form method="{{ request.method|lower }}" action="{{ request.path }}">
  {% if request.method == "POST" %}{% csrf_token %}{% endif %}
  {% for name, value in request.POST.items %}{% if name != "csrfmiddlewaretoken" %}
  <input type="hidden" name="{{ name }}" value="{{ value }}">{% endif %}{% endfor %}
  <button>Ask again</button></form>{% endblock %}"""

urlpatterns = [
    path("", cart, name="cart"),
    path("reserve", reserve, name="reserve"),
    path("checkout", checkout, name="checkout"),
    path("pay", pay, name="pay"),
    path("cancel", cancel, name="cancel"),
    path("webhooks/payment", told_of_payment, name="told_of_payment"),
]

_PAGES: Final = {
    "base.html": BASE,
    "cart.html": CART,
    "held.html": HELD,
    "ended.html": ENDED,
    "unknown.html": UNKNOWN,
}

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1", "testserver"],
    # Set it where several processes serve one shop, or sessions end with each restart.
    SECRET_KEY=os.environ.get("SHOP_SECRET_KEY") or secrets.token_hex(32),
    ROOT_URLCONF=__name__,
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        f"{__name__}.Trouble",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "context_processors": ["django.template.context_processors.request"],
                "loaders": [("django.template.loaders.locmem.Loader", _PAGES)],
            },
        }
    ],
    USE_TZ=True,
)
application = get_wsgi_application()

if __name__ == "__main__":
    execute_from_command_line([sys.argv[0], *(sys.argv[1:] or ["runserver", "--noreload"])])
