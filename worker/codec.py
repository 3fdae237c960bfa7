"""An endpoint through which Temporal's Web UI shows people what is stored encrypted.

It speaks Temporal's protocol for remote codecs: ``POST /decode`` and ``POST /encode`` take and
give ``{"payloads": [...]}``. Whoever can reach it can have payloads decrypted, so it listens on
this machine alone unless told otherwise, and asks for no login of its own: a proxy in front of it
does, where others are to use it. Browsers let only the Web UI's pages read its answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

import uvicorn
from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from temporalio.api.common.v1 import Payload, Payloads

from holdfast_client.transport.encryption import EncryptionCodec, EncryptionKey
from worker.service import stop_requested

BODY_BYTES_MAX: Final = 32 * 1024 * 1024
_BACKLOG: Final = 100
_STOP_SECONDS_MAX: Final = 5

_Convert = Callable[[Sequence[Payload]], Awaitable[list[Payload]]]


def codec_app(
    keys: Sequence[EncryptionKey], ui_origins: Sequence[str], hosts: Sequence[str]
) -> Starlette:
    """Return the endpoint as an ASGI application.

    Args:
        keys: the first encrypts, all decrypt. What no key fits is given back as it is.
        ui_origins: whose pages may read the answers, such as ``http://localhost:8233``.
        hosts: the names under which it may be addressed. A page that makes its own name lead here
            is refused by them.
    """
    codec = EncryptionCodec(keys, leaves_unreadable=True)
    return Starlette(
        routes=[
            Route("/decode", _answering(codec.decode), methods=["POST"]),
            Route("/encode", _answering(codec.encode), methods=["POST"]),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False),
            Middleware(
                CORSMiddleware,
                allow_origins=list(ui_origins),
                allow_methods=["POST"],
                allow_headers=["authorization", "content-type", "x-namespace"],
                allow_private_network=True,
            ),
        ],
    )


async def serve_codec(
    keys: Sequence[EncryptionKey], host: str, port: int, ui_origins: Sequence[str]
) -> None:
    """Serve until SIGTERM or Ctrl-C; prints one line, ``ready codec=URL``.

    Args:
        keys: one or more.
        host: the address to listen on.
        port: 0 for any free one.
        ui_origins: of the Web UI, as its pages are addressed.

    Raises:
        OSError: the address cannot be listened on.
    """
    stop = stop_requested()
    listener = socket.create_server((host, port), backlog=_BACKLOG)
    bound = listener.getsockname()[1]
    app = codec_app(keys, ui_origins, [host, "localhost", "127.0.0.1"])
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=_STOP_SECONDS_MAX,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    print(f"ready codec=http://{host}:{bound}", flush=True)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to whoever runs this; the one that stops us would be raised again."""
        yield


def _answering(convert: _Convert) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return PlainTextResponse("the body is too long", status_code=413)
        try:
            asked = json_format.Parse(body, Payloads())
        except (json_format.ParseError, UnicodeDecodeError):
            return PlainTextResponse("the body is no JSON of payloads", status_code=400)
        answered = Payloads(payloads=await convert(list(asked.payloads)))
        return Response(json_format.MessageToJson(answered), media_type="application/json")

    return answer


async def _body(request: Request) -> bytes | None:
    """Return the body, or None where it is longer than ``BODY_BYTES_MAX``."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return None
    return bytes(body)
