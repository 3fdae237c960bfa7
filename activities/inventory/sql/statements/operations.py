"""Operations on stock: their ids are taken once, and their answers given again."""

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

ANSWER_OPERATION: Final = """
SELECT holdfast.answer_operation(%(operation)s, %(answer)s::jsonb)
"""
