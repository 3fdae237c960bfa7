"""Operations: ids on stock are taken once, and what was answered or refused is told again."""

from __future__ import annotations

from typing import Final

# Take an id that nobody has used; NULL where it is taken. Waits for anyone who is just now taking
# the same.
CLAIM_OPERATION: Final = """
SELECT holdfast.claim_operation(
       %(operation_id)s, %(kind)s, %(digest)s, %(reason)s, %(actor)s)
"""

READ_OPERATION: Final = """
SELECT encode(digest, 'hex') AS digest, answer
  FROM holdfast.operation_records
 WHERE operation_id = %(operation_id)s AND reservation_id IS NULL
"""

# Put on record what was refused of reservations.
RECORD_REFUSALS: Final = """
SELECT holdfast.record_refusals(
       %(reservations)s::bigint[], %(operation_ids)s::text[], %(kinds)s::text[],
       %(digests)s::text[], %(answers)s::jsonb[], %(reasons)s::text[], %(actors)s::text[])
"""

ANSWER_OPERATION: Final = """
SELECT holdfast.answer_operation(%(operation)s, %(answer)s::jsonb)
"""
