"""Reservations: claimed, held, denied, ended, extended, and where they stand."""

from __future__ import annotations

from typing import Final

CLOCK: Final = "SELECT holdfast.clock()"

# Where every id is new and all of it fits, hold it and say since when. NULL, or an error of the
# state HF001, where somebody has to choose; nothing was done then.
RESERVE_WHAT_FITS: Final = """
SELECT holdfast.reserve_what_fits(
       %(checkout_ids)s::text[], %(customer_ids)s::text[], %(cart_ids)s::text[],
       %(digests)s::text[], %(seconds)s::integer[], %(line_checkouts)s::integer[],
       %(line_skus)s::text[], %(line_locations)s::text[], %(line_quantities)s::bigint[])
"""

# Take ids that nobody has used, as closed rows that hold nothing. Waits for anyone who is just now
# taking the same id.
CLAIM_RESERVATIONS: Final = """
SELECT id, checkout_id
  FROM holdfast.claim_reservations(
       %(checkout_ids)s::text[], NULL, %(customer_ids)s::text[], %(cart_ids)s::text[],
       %(digests)s::text[], NULL, NULL)
"""

# The same for what was never reserved: tombstones.
CLAIM_TOMBSTONES: Final = """
SELECT id, checkout_id
  FROM holdfast.claim_reservations(
       %(checkout_ids)s::text[],
       array_fill('expired'::text, ARRAY[cardinality(%(checkout_ids)s::text[])]),
       NULL, NULL, NULL, NULL, NULL)
"""

# Whether Temporal does again, after a restore, what the ledger does not know any more.
IS_DONE_AGAIN: Final = """
SELECT coalesce(clock_timestamp()
                < nullif(current_setting('holdfast.replays_until', true), '')::timestamptz, false)
"""

# A tombstone for what nobody waits for any more, unless its id is known.
CLAIM_ABANDONED: Final = """
SELECT id, checkout_id
  FROM holdfast.claim_reservations(
       ARRAY[%(checkout_id)s], ARRAY['expired'], NULL, NULL, NULL, ARRAY[%(reason)s], NULL)
"""

# Take an id that nobody has used, and bury that of the checkout to be superseded, unless it is
# known.
CLAIM_SUPERSEDING: Final = """
SELECT id, checkout_id
  FROM holdfast.claim_reservations(
       ARRAY[%(checkout_id)s, %(supersedes)s], ARRAY[NULL, 'expired'],
       ARRAY[%(customer_id)s, NULL], ARRAY[%(cart_id)s, NULL], ARRAY[%(digest)s, NULL], NULL, NULL)
"""

# What decides on superseding a checkout, to be read under its lock: its last attempt and the clock.
READ_SUPERSEDED: Final = """
SELECT r.id, r.status, r.customer_id, r.cart_id, r.ends_at, r.superseded_by,
       holdfast.clock() AS at
  FROM holdfast.reservations AS r
 WHERE r.checkout_id = %(checkout_id)s
 ORDER BY r.attempt DESC
 LIMIT 1
"""

# Turn a claim into a hold that takes over the units of another.
SUPERSEDE: Final = """
SELECT holdfast.supersede_reservation(
       %(id)s, %(old)s, %(seconds)s, %(cap_seconds)s, %(items)s::bigint[],
       %(quantities)s::bigint[], %(old_items)s::bigint[], %(old_quantities)s::bigint[])
"""

# Wait for, and hold, every attempt of these checkouts.
LOCK_RESERVATIONS: Final = "SELECT holdfast.lock_reservations(%(checkout_ids)s::text[])"

# Hold overdue reservations that nobody else is busy with, without some checkouts, and without what
# has something open of some stock items. Skips, so it never waits.
LOCK_OVERDUE: Final = """
SELECT checkout_id
  FROM holdfast.lock_overdue(
       %(grace_seconds)s, %(batch_size_max)s, %(without_checkouts)s::text[],
       %(without_items)s::bigint[]) AS checkout_id
"""

# Which of these checkouts have something open of these stock items.
FIND_WITH_ITEMS: Final = """
SELECT c.checkout_id
  FROM unnest(%(checkout_ids)s::text[]) AS c(checkout_id)
 WHERE EXISTS (SELECT
                 FROM (SELECT id FROM holdfast.reservations
                        WHERE checkout_id = c.checkout_id OFFSET 0) AS r,
                      LATERAL (SELECT FROM holdfast.reservation_lines
                                WHERE reservation_id = r.id
                                  AND stock_item_id = ANY(%(item_ids)s::bigint[])
                                  AND quantity > 0
                               OFFSET 0) AS l)
"""

# Whether a shop's tables are adopted.
IS_ADOPTED: Final = "SELECT to_regclass('holdfast.adopted_rows') IS NOT NULL"

# Turn claims into holds, as was decided.
HOLD_RESERVATIONS: Final = """
SELECT holdfast.hold_reservations(
       %(at)s, %(ids)s::bigint[], %(seconds)s::integer[], %(line_ids)s::bigint[],
       %(line_items)s::bigint[], %(line_quantities)s::bigint[])
"""

# Record what denied claims lacked.
DENY_RESERVATIONS: Final = """
SELECT holdfast.deny_reservations(%(at)s, %(ids)s::bigint[], %(shortages)s::jsonb[])
"""

# Holds past their deadline on these stock items, oldest first.
FIND_OVERDUE_ON: Final = """
SELECT r.checkout_id
  FROM unnest(%(item_ids)s::bigint[]) AS i(id),
       LATERAL (SELECT ends_at, reservation_id
                  FROM holdfast.reservation_lines
                 WHERE stock_item_id = i.id
                   AND quantity > 0
                   AND ends_at <= %(at)s
                 ORDER BY ends_at
                 LIMIT %(batch_size_max)s) AS o,
       LATERAL (SELECT checkout_id FROM holdfast.reservations
                 WHERE id = o.reservation_id OFFSET 0) AS r
 GROUP BY r.checkout_id
 ORDER BY min(o.ends_at), r.checkout_id
 LIMIT %(batch_size_max)s
"""

# When the next hold on each of these stock items ends, those of one reservation left out.
FIND_NEXT_EXPIRY: Final = """
SELECT i.id,
       (SELECT min(l.ends_at)
          FROM holdfast.reservation_lines AS l
         WHERE l.stock_item_id = i.id
           AND l.quantity > 0
           AND l.reservation_id IS DISTINCT FROM %(except_id)s::bigint) AS next_expiry
  FROM unnest(%(item_ids)s::bigint[]) AS i(id)
"""

# End holds and committed checkouts, each at most once, or commit holds; tell of those that it
# changed, and bury ids that nobody has used.
CLOSE: Final = """
SELECT checkout_id, attempt, status, reason, actor, closed_at, payment_reference, committed_at,
       revision, lines, released, NULL AS superseded_by
  FROM holdfast.close_reservations(
       %(checkout_ids)s::text[], %(statuses)s::text[], %(reasons)s::text[], %(actors)s::text[],
       %(payment_references)s::text[], %(attempts)s::integer[], %(reinstatings)s::boolean[],
       %(are_only_held)s::boolean[], %(operation_ids)s::text[])
"""

# What decides on extensions, to be read under the locks: when each hold began and ends, and what
# these extensions were answered before, at any attempt.
READ_EXTENSIBLE: Final = """
SELECT DISTINCT ON (r.checkout_id)
       r.id, r.checkout_id, r.attempt, coalesce(r.held_since, r.created_at) AS created_at,
       CASE r.status WHEN 'held' THEN r.expires_at END AS deadline, r.ends_at,
       (SELECT jsonb_object_agg(o.operation_id, o.answer)
          FROM (SELECT id FROM holdfast.reservations
                 WHERE checkout_id = r.checkout_id) AS a,
               LATERAL (SELECT operation_id, answer
                          FROM holdfast.operation_records
                         WHERE reservation_id = a.id
                           AND kind = 'extend'
                           AND operation_id = ANY(%(operation_ids)s::text[])
                        OFFSET 0) AS o) AS answers
  FROM holdfast.reservations AS r
 WHERE r.checkout_id = ANY(%(checkout_ids)s::text[])
 ORDER BY r.checkout_id, r.attempt DESC
"""

# Move deadlines and record who asked for it.
EXTEND: Final = """
SELECT holdfast.extend_reservations(
       %(at)s, %(ids)s::bigint[], %(operation_ids)s::text[], %(deadlines)s::timestamptz[],
       %(answers)s::jsonb[], %(reasons)s::text[], %(actors)s::text[])
"""

# What decides on taking units out of a checkout, to be read under its lock: the last attempt, and
# what is on record under the operation's id, of any attempt.
READ_PARTED: Final = """
SELECT r.id, r.attempt, r.status,
       (SELECT jsonb_object_agg(
                   o.kind, jsonb_build_object('digest', encode(o.digest, 'hex'),
                                              'answer', o.answer, 'at', o.created_at))
          FROM (SELECT id FROM holdfast.reservations
                 WHERE checkout_id = %(checkout_id)s) AS a,
               LATERAL (SELECT kind, digest, answer, created_at
                          FROM holdfast.operation_records
                         WHERE reservation_id = a.id
                           AND kind IN ('fulfil', 'release')
                           AND operation_id = %(operation_id)s
                        OFFSET 0) AS o) AS records
  FROM holdfast.reservations AS r
 WHERE r.checkout_id = %(checkout_id)s
 ORDER BY r.attempt DESC
 LIMIT 1
"""

# What decides on an amendment, to be read under its lock: the last attempt, the clock, and what is
# on record under the operation's id, of any attempt.
READ_AMENDED: Final = """
SELECT r.id, r.attempt, r.status, r.revision, r.ends_at, holdfast.clock() AS at,
       (SELECT jsonb_build_object('digest', encode(o.digest, 'hex'), 'answer', o.answer)
          FROM (SELECT id FROM holdfast.reservations
                 WHERE checkout_id = %(checkout_id)s) AS a,
               LATERAL (SELECT digest, answer
                          FROM holdfast.operation_records
                         WHERE reservation_id = a.id
                           AND kind = 'amend'
                           AND operation_id = %(operation_id)s
                        OFFSET 0) AS o
         LIMIT 1) AS record
  FROM holdfast.reservations AS r
 WHERE r.checkout_id = %(checkout_id)s
 ORDER BY r.attempt DESC
 LIMIT 1
"""

# The lines of a reservation: what is open of each, and what has left.
READ_OPEN_LINES: Final = """
SELECT l.stock_item_id, s.sku, s.location, l.quantity, l.fulfilled_quantity
  FROM holdfast.reservation_lines AS l
  JOIN holdfast.stock_items AS s ON s.id = ANY(ARRAY[l.stock_item_id])
 WHERE l.reservation_id = %(id)s
 ORDER BY s.sku COLLATE "C", s.location COLLATE "C"
"""

# Take units out of an open reservation, on record, and end it where that is said.
PART: Final = """
SELECT holdfast.part_reservation(
       %(id)s, %(operation_id)s, %(kinds)s::text[], %(digest)s, %(answers)s::jsonb[],
       %(reason)s, %(actor)s, %(kind_numbers)s::integer[], %(items)s::bigint[],
       %(quantities)s::bigint[], %(ending)s)
"""

# Change what is open of a reservation, on record.
AMEND: Final = """
SELECT holdfast.amend_reservation(
       %(id)s, %(operation_id)s, %(digest)s, %(answer)s::jsonb, %(reason)s, %(actor)s,
       %(items)s::bigint[], %(deltas)s::bigint[])
"""

# Where checkouts stand, which is where their last attempts stand, with the seconds left by the
# database's clock.
READ_RESERVATIONS: Final = """
SELECT DISTINCT ON (r.checkout_id)
       r.checkout_id, r.attempt, r.status, r.expires_at, r.paying_until, r.created_at,
       r.committed_at, r.closed_at, r.reason, r.actor, r.payment_reference, r.revision,
       r.superseded_by, r.shortages, encode(r.digest, 'hex') AS digest,
       extract(epoch FROM r.ends_at - holdfast.clock())::double precision AS remaining_seconds,
       holdfast.lines_of(r.id, r.status) AS lines,
       CASE r.status WHEN 'fulfilled' THEN holdfast.lines_of(r.id, 'released') ELSE '[]' END
           AS released
  FROM holdfast.reservations AS r
 WHERE r.checkout_id = ANY(%(checkout_ids)s::text[])
 ORDER BY r.checkout_id, r.attempt DESC
"""

# Of each checkout the last attempt that expired, and what a cancellation under this id was told.
READ_LATE_CANCELLATIONS: Final = """
SELECT c.place, r.id, o.standing
  FROM unnest(%(checkout_ids)s::text[], %(operation_ids)s::text[])
       WITH ORDINALITY AS c(checkout_id, operation_id, place),
       LATERAL (SELECT max(id) AS id
                  FROM holdfast.reservations
                 WHERE checkout_id = c.checkout_id AND status = 'expired'
                   AND digest IS NOT NULL) AS r
  LEFT JOIN LATERAL (SELECT o.answer -> 'standing' AS standing
                       FROM (SELECT id FROM holdfast.reservations
                              WHERE checkout_id = c.checkout_id) AS a,
                            LATERAL (SELECT answer
                                       FROM holdfast.operation_records
                                      WHERE reservation_id = a.id AND kind = 'cancel'
                                        AND operation_id = c.operation_id
                                     OFFSET 0) AS o
                      LIMIT 1) AS o ON true
"""

# When the first of all was made; null where there is none.
READ_BEGINNING: Final = """
SELECT (SELECT coalesce(held_since, created_at) FROM holdfast.reservations ORDER BY id LIMIT 1)
"""

# Holds past their deadline by more than so many seconds, oldest first.
READ_OVERDUE: Final = """
SELECT id, checkout_id, customer_id, expires_at, overdue_seconds, units
  FROM holdfast.overdue_reservations
 WHERE ends_at < (SELECT holdfast.clock()) - make_interval(secs => %(older_than_seconds)s)
 ORDER BY ends_at, checkout_id COLLATE "C"
 LIMIT %(page_size)s
"""

COUNT_OVERDUE: Final = """
SELECT count(*)
  FROM holdfast.reservations
 WHERE ends_at < (SELECT holdfast.clock()) - make_interval(secs => %(older_than_seconds)s)
"""

# What an expired checkout may be given again: what it held when it expired, by SKU and location.
READ_EXPIRED_LINES: Final = """
SELECT r.id, m.stock_item_id, s.sku, s.location, -m.reserved_delta AS quantity
  FROM (SELECT id, status, closing
          FROM holdfast.reservations
         WHERE checkout_id = %(checkout_id)s
         ORDER BY attempt DESC
         LIMIT 1) AS r,
       LATERAL (SELECT stock_item_id, reserved_delta
                  FROM holdfast.stock_movements
                 WHERE operation = r.closing
                OFFSET 0) AS m
  JOIN holdfast.stock_items AS s ON s.id = ANY(ARRAY[m.stock_item_id])
 WHERE r.status = 'expired'
 ORDER BY s.sku COLLATE "C", s.location COLLATE "C"
"""

# Hold them again, as the next attempt.
REINSTATE: Final = """
SELECT holdfast.reinstate_reservation(
       %(at)s, %(id)s, %(items)s::bigint[], %(quantities)s::bigint[])
"""

# What a workflow needs to go on with a checkout: what was asked for, as far as it is kept.
READ_RESUMABLE: Final = """
SELECT attempt, customer_id, cart_id, encode(digest, 'hex') AS digest
  FROM holdfast.reservations
 WHERE checkout_id = %(checkout_id)s
 ORDER BY attempt DESC
 LIMIT 1
"""
