"""A checkout service for a shop in any language: two calls over HTTP, with the client behind them.

``python -m examples.adopting.service`` prints where it listens.
``POST /<checkout>/hold {"cart_id": "42"}`` and ``POST /<checkout>/pay {"payment": "pay_1"}`` are
answered by the outcome as JSON. Behind your own firewall: it asks nobody who they are.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from holdfast_client import (
    HoldfastError,
    InvalidRequest,
    SyncReservationClient,
    SyncReservations,
)


def service(client: SyncReservations, port: int = 0) -> ThreadingHTTPServer:
    """Return a server on the loopback that answers by a client; port 0 is any free one."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            checkout_id, _, verb = self.path.strip("/").partition("/")
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                self._answer(HTTPStatus.OK, answered(client, checkout_id, verb, body))
            except InvalidRequest as error:
                self._answer(HTTPStatus.UNPROCESSABLE_ENTITY, {"error": str(error)})
            except HoldfastError as error:
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE, {"error": str(error)})

        def _answer(self, status: HTTPStatus, document: Any) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing for each call."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def answered(client: SyncReservations, checkout_id: str, verb: str, body: dict[str, Any]) -> Any:
    """Return the outcome of one call as JSON."""
    match verb, body:
        case "hold", {"cart_id": str(cart_id)}:
            return client.reserve_cart(checkout_id, cart_id).model_dump(mode="json")
        case "pay", {"payment": str(payment)}:
            return client.confirm(checkout_id, payment).model_dump(mode="json")
    raise InvalidRequest("", f"there is no such call: {verb}")


def main() -> None:
    with SyncReservationClient() as client, service(client) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
