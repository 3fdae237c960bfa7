"""Changes of what workflows do, and which this release only knows; see docs/versioning.md."""

from __future__ import annotations

from typing import Final

from temporalio.worker import PatchActivationInput

# Ids of changes whose new way this release can go, and goes where a run has begun it, but does not
# begin itself: workers of the release before, which do not know it, may still be at work.
LEARNED: Final[frozenset[str]] = frozenset()


def makes_change(change: PatchActivationInput) -> bool:
    """Say whether a run that comes to a change for the first time takes the new way.

    What a run took once is in its history and stays, whatever is said here.
    """
    return change.patch_id not in LEARNED
