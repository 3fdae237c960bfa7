"""The runbook's queries, messages and pictures are those of the system that it is about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pytest
from pydantic import ValidationError

from holdfast_client.cli.views import ready_made_views
from holdfast_client.contract.messages import (
    Amendment,
    Cancellation,
    Confirmation,
    Extension,
    PartialRelease,
    Shipment,
)
from tests.docs.pages import ROOT, page

RUNBOOK: Final = page("docs/runbook.md")
IMAGES: Final = ROOT / "docs/images"
TAKEN_BY: Final = (ROOT / "tests/browser/screenshots.py").read_text("utf-8")
PRINTED: Final = datetime(2031, 3, 14, 9, 26, 53, tzinfo=UTC)
IMAGE_BYTES_MAX: Final = 200_000
PNG: Final = b"\x89PNG\r\n\x1a\n"


def test_the_views_are_those_that_the_command_prints():
    printed = {view.name: [view.shows, f"`{view.query}`"] for view in ready_made_views(PRINTED)}
    told = {row[0]: row[1:] for row in RUNBOOK.rows("[a-z ]+") if row[0] in printed}
    assert told == printed
    assert f"{PRINTED:%Y-%m-%d at %H:%M:%S UTC}" in RUNBOOK.text


def test_each_message_is_valid_for_the_update_that_is_named_before_it():
    extension, cancellation, confirmation, amendment, release, shipment = RUNBOOK.blocks("json")
    assert Extension.model_validate_json(extension).actor
    assert Cancellation.model_validate_json(cancellation).reason
    assert Confirmation.model_validate_json(confirmation).payment_reference
    assert Amendment.model_validate_json(amendment).lines
    assert PartialRelease.model_validate_json(release).lines
    assert Shipment.model_validate_json(shipment).shipment_id
    with pytest.raises(ValidationError):
        Cancellation.model_validate_json(extension)


def test_every_picture_is_referred_to_and_none_is_missing():
    told = {link for link in RUNBOOK.links() if link.startswith("images/")}
    assert told == {f"images/{path.name}" for path in IMAGES.glob("*.png") if _is_taken(path.stem)}


@pytest.mark.parametrize("link", [link for link in RUNBOOK.links() if link.endswith(".png")])
def test_each_picture_is_a_small_one_that_the_script_takes(link: str):
    path = RUNBOOK.path.parent / link
    picture = path.read_bytes()
    assert picture.startswith(PNG)
    assert len(picture) < IMAGE_BYTES_MAX
    assert _is_taken(path.stem)


def _is_taken(name: str) -> bool:
    return f'"{name}"' in TAKEN_BY
