"""The codec endpoint, as an operator starts it and a browser with the Web UI uses it."""

from __future__ import annotations

import base64
import http.client
import json
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest
from temporalio.api.common.v1 import Payload

from holdfast_client.contract.encrypted import KEYS_VARIABLE
from holdfast_client.transport.encryption import EncryptionCodec
from tests.limits import HANG_SECONDS
from tests.security.keys import NEW, OLD, text_of
from tests.worker.conftest import Operator
from worker.codec import BODY_BYTES_MAX

UI: Final = "http://localhost:8233"
PLAIN: Final = Payload(metadata={"encoding": b"json/plain"}, data=b'{"customer_id": "u-17"}')


@dataclass(frozen=True)
class Endpoint:
    """A running endpoint."""

    port: int

    def ask(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HANG_SECONDS)
        try:
            link.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
            answer = link.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            link.close()

    def convert(self, path: str, *payloads: Payload) -> list[Payload]:
        """Ask as the Web UI does, with payloads in the JSON of their protobuf."""
        asked = {"payloads": [_json(payload) for payload in payloads]}
        status, _, body = self.ask(
            "POST", path, json.dumps(asked).encode(), Origin=UI, Content_Type="application/json"
        )
        assert status == 200, body
        return [_payload(each) for each in json.loads(body)["payloads"]]


# Each test waits for a process of its own.
pytestmark = pytest.mark.slow


def _json(payload: Payload) -> dict[str, Any]:
    labels = {name: base64.b64encode(text).decode() for name, text in payload.metadata.items()}
    return {"metadata": labels, "data": base64.b64encode(payload.data).decode()}


def _payload(message: dict[str, Any]) -> Payload:
    labels = {name: base64.b64decode(text) for name, text in message["metadata"].items()}
    return Payload(metadata=labels, data=base64.b64decode(message["data"]))


@contextmanager
def _serving(operator: Operator, *words: str) -> Iterator[tuple[subprocess.Popen[str], Endpoint]]:
    keys = text_of(NEW, OLD)
    process = operator.start("codec", "--port", "0", *words, **{KEYS_VARIABLE: keys})
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        ready, _, port = line.rpartition(":")
        assert ready == "ready codec=http://127.0.0.1", process.communicate()
        yield process, Endpoint(int(port))
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with _serving(Operator({})) as (_, endpoint):
        yield endpoint


async def test_it_decrypts_with_every_key_and_leaves_alone_what_is_plain(endpoint: Endpoint):
    old, new = [(await EncryptionCodec([key]).encode([PLAIN]))[0] for key in (OLD, NEW)]
    assert endpoint.convert("/decode", old, new, PLAIN) == [PLAIN, PLAIN, PLAIN]


async def test_what_it_encrypts_a_worker_decrypts(endpoint: Endpoint):
    hidden = endpoint.convert("/encode", PLAIN)
    assert hidden[0].metadata["encryption-key-id"] == b"2026"
    assert await EncryptionCodec([NEW]).decode(hidden) == [PLAIN]


async def test_one_payload_without_a_key_does_not_hide_the_others(endpoint: Endpoint):
    forged = (await EncryptionCodec([OLD]).encode([PLAIN]))[0]
    forged.metadata["encryption-key-id"] = b"unknown"
    hidden = (await EncryptionCodec([OLD]).encode([PLAIN]))[0]
    assert endpoint.convert("/decode", forged, hidden) == [forged, PLAIN]


def _preflight(endpoint: Endpoint, origin: str) -> Mapping[str, str]:
    _, headers, _ = endpoint.ask(
        "OPTIONS",
        "/decode",
        Origin=origin,
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="content-type,x-namespace,authorization",
    )
    return headers


def test_browsers_let_the_web_ui_read_the_answer_and_no_other_page(endpoint: Endpoint):
    ours = _preflight(endpoint, UI)
    assert ours["access-control-allow-origin"] == UI
    assert "x-namespace" in ours["access-control-allow-headers"].lower()
    for origin in ("http://localhost:8234", "https://evil.example", "null", f"{UI}.evil.example"):
        assert "access-control-allow-origin" not in _preflight(endpoint, origin)
        _, headers, _ = endpoint.ask("POST", "/decode", b"{}", Origin=origin)
        assert "access-control-allow-origin" not in headers


def test_a_page_that_makes_its_own_name_lead_here_is_refused(endpoint: Endpoint):
    status, _, _ = endpoint.ask("POST", "/decode", b"{}", Host="evil.example")
    assert status == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "/decode", b"no json", 400),
        ("POST", "/decode", b"\xff\xfe", 400),
        ("POST", "/decode", b'{"payloads": [{"data": 7}]}', 400),
        ("POST", "/decode", b'{"payloads": 7}', 400),
        ("POST", "/decode", b"[" * 100_000, 400),
        ("POST", "/decode", b"x" * (BODY_BYTES_MAX + 1), 413),
        ("POST", "/decode", b"{}", 200),
        ("GET", "/decode", b"", 405),
        ("POST", "/", b"{}", 404),
    ],
    ids=["no JSON", "no UTF-8", "no text", "no list", "deep", "long", "none", "GET", "nowhere"],
)
def test_what_is_no_question_is_refused(
    endpoint: Endpoint, method: str, path: str, body: bytes, expected: int
):
    status, _, answer = endpoint.ask(method, path, body)
    assert status == expected
    assert b"Traceback" not in answer


def test_it_stops_with_0_when_told_and_prints_nothing_of_what_it_saw():
    with _serving(Operator({})) as (process, endpoint):
        hidden = endpoint.convert("/encode", PLAIN)
        assert endpoint.convert("/decode", *hidden) == [PLAIN]
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=HANG_SECONDS)
    assert process.returncode == 0
    assert "u-17" not in out + errors


@pytest.mark.parametrize("keys", ["", "2025:short"])
def test_without_keys_it_does_not_start(keys: str):
    told = Operator({}).run("codec", "--port", "0", **{KEYS_VARIABLE: keys})
    assert told.returncode == 2
    assert told.stderr.startswith(KEYS_VARIABLE)
    assert "Traceback" not in told.stderr
