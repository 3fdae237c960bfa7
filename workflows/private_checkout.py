"""The checkout as shops run it that put no names where Temporal does not encrypt."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

from workflows.checkout import CheckoutWorkflow

with workflow.unsafe.imports_passed_through():
    from holdfast_client.contract.names import CHECKOUT_WORKFLOW


@workflow.defn(name=CHECKOUT_WORKFLOW)
class PrivateCheckoutWorkflow(CheckoutWorkflow):
    """The same checkout, which names nobody where Temporal does not encrypt."""

    private_metadata = True

    @workflow.init
    def __init__(self, *payloads: RawValue) -> None:
        super().__init__(*payloads)

    @workflow.run
    async def run(self, *payloads: RawValue) -> Any:
        return await super().run(*payloads)
