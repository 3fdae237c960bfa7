"""Payments: whose they are, what is due back, and that it has gone back."""

from __future__ import annotations

from typing import Final

# Whose each of these payments is, if it is anybody's, and what became of it; unknown ones are left
# out.
READ_PAYMENTS: Final = """
SELECT p.payment_reference, p.checkout_id, p.state, p.reason, p.shortages,
       holdfast.is_nobodys(p.state, p.paying_until, holdfast.clock()) AS is_nobodys
  FROM holdfast.payments AS p
 WHERE p.payment_reference = ANY(%(payment_references)s::text[])
"""

# All that was named for a checkout, in the order in which it was first told of, and how many there
# are. What settled it is found by its reservation.
READ_PAYMENTS_OF: Final = """
SELECT p.payment_reference, p.state, p.reason, p.changed_at, count(*) OVER () AS found
  FROM (SELECT *
          FROM holdfast.payments
         WHERE checkout_id = %(checkout_id)s AND state <> 'settled'
         UNION ALL
        SELECT *
          FROM holdfast.payments
         WHERE payment_reference = %(payment_reference)s AND state = 'settled') AS p
 ORDER BY p.created_at, p.payment_reference
 LIMIT %(rows_max)s
"""

# What is to be given back, the oldest first.
READ_REFUNDS_DUE: Final = """
SELECT payment_reference, checkout_id, customer_id, reason, due_at
  FROM holdfast.refunds_due
 ORDER BY due_at, payment_reference
 LIMIT %(rows_max)s
"""

COUNT_REFUNDS_DUE: Final = "SELECT count(*) FROM holdfast.payments WHERE state = 'refund_due'"

REFUND_PAYMENT: Final = """
SELECT checkout_id, state, refunded_at
  FROM holdfast.refund_payment(%(payment_reference)s, %(actor)s)
"""

# What is to be looked at every minute. Reads what is due back, and what is open.
READ_PAYMENT_FIGURES: Final = """
SELECT due.refunds_due, coalesce(extract(epoch FROM moment.at - due.since), 0)::double precision
           AS refund_oldest_seconds,
       (SELECT count(*) FROM holdfast.reservations
         WHERE ends_at IS NOT NULL AND paying_until > moment.at) AS in_flight,
       (SELECT coalesce(sum(l.quantity), 0)::bigint
          FROM (SELECT id FROM holdfast.reservations
                 WHERE status = 'committed'
                   AND committed_at < moment.at - interval '1 day') AS r,
               LATERAL (SELECT quantity FROM holdfast.reservation_lines
                         WHERE reservation_id = r.id OFFSET 0) AS l) AS units_waiting
  FROM (SELECT holdfast.clock() AS at OFFSET 0) AS moment,
       (SELECT count(*) AS refunds_due, min(changed_at) AS since
          FROM holdfast.payments WHERE state = 'refund_due') AS due
"""

# What decides on a pause, to be read under the reservation's lock: the last attempt, what is on
# record under the operation's id, of any attempt, the payment, and the clock. Only this checkout
# may change the payment, or one to which a failed payment moves.
READ_PAUSABLE: Final = """
SELECT moment.at, r.id, r.attempt, r.expires_at, r.ends_at, encode(o.digest, 'hex') AS digest,
       o.answer, p.checkout_id AS payment_checkout_id, p.state AS payment_state,
       p.paying_until AS payment_until,
       holdfast.is_nobodys(p.state, p.paying_until, moment.at) AS is_nobodys
  FROM (SELECT holdfast.clock() AS at OFFSET 0) AS moment,
       (SELECT id, attempt, expires_at, ends_at
          FROM holdfast.reservations
         WHERE checkout_id = %(checkout_id)s
         ORDER BY attempt DESC
         LIMIT 1) AS r
  LEFT JOIN LATERAL (SELECT o.digest, o.answer
                       FROM (SELECT id FROM holdfast.reservations
                              WHERE checkout_id = %(checkout_id)s) AS a,
                            LATERAL (SELECT digest, answer
                                       FROM holdfast.operation_records
                                      WHERE reservation_id = a.id
                                        AND kind = %(kind)s
                                        AND operation_id = %(operation_id)s
                                     OFFSET 0) AS o
                      LIMIT 1) AS o ON true
  LEFT JOIN LATERAL (SELECT checkout_id, state, paying_until
                       FROM holdfast.payments
                      WHERE payment_reference = %(payment_reference)s
                     OFFSET 0) AS p ON true
"""

# To which checkout each of these payments belonged when it was refused under the id under which it
# is told of; NULL where it was not. With the number of the checkout's last attempt.
READ_REFUSED_PAYMENTS: Final = """
SELECT c.place, c.payment_reference, r.id, o.belongs_to
  FROM unnest(%(checkout_ids)s::text[], %(operation_ids)s::text[], %(payment_references)s::text[])
       WITH ORDINALITY AS c(checkout_id, operation_id, payment_reference, place),
       LATERAL (SELECT max(id) AS id
                  FROM holdfast.reservations
                 WHERE checkout_id = c.checkout_id) AS r
  LEFT JOIN LATERAL (SELECT o.answer ->> 'checkout_id' AS belongs_to
                       FROM (SELECT id FROM holdfast.reservations
                              WHERE checkout_id = c.checkout_id) AS a,
                            LATERAL (SELECT answer
                                       FROM holdfast.operation_records
                                      WHERE reservation_id = a.id
                                        AND kind = 'confirm'
                                        AND operation_id = c.operation_id
                                     OFFSET 0) AS o
                      WHERE o.answer ->> 'payment_reference' = c.payment_reference
                      LIMIT 1) AS o ON true
"""

CLAIM_PAYMENT: Final = """
SELECT holdfast.claim_payment(%(at)s, %(payment_reference)s, %(checkout_id)s, %(actor)s)
"""

KEEP_SHORTAGES: Final = """
SELECT holdfast.keep_shortages(%(payment_reference)s, %(shortages)s::jsonb)
"""

PAUSE: Final = """
SELECT holdfast.pause_hold(
       %(at)s, %(id)s, %(operation_id)s, %(kind)s, %(digest)s, %(answer)s::jsonb, %(actor)s,
       %(payment_reference)s, %(until)s, %(reason)s)
"""
