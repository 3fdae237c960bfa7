"""What commands that change something have in common: which checkout, who asks, and why."""

from __future__ import annotations

from typing import Annotated

from holdfast_client.terminal import options

CheckoutArgument = Annotated[str, options.argument("Id of one attempt to buy.", "CHECKOUT")]
ReasonOption = Annotated[str, options.text("Why; kept on record.", "TEXT")]
ActorOption = Annotated[str, options.text("Who asks for it; kept on record.", "TEXT")]
