"""Who asks for a change and why: options of all commands that change something."""

from __future__ import annotations

from typing import Annotated

from holdfast_client.terminal import options

ReasonOption = Annotated[str, options.text("Why; kept on record.", "TEXT")]
ActorOption = Annotated[str, options.text("Who asks for it; kept on record.", "TEXT")]
