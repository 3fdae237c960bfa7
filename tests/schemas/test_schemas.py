"""The JSON Schemas say what the models say, and what is really sent meets them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from holdfast_client.contract.names import TASK_QUEUE
from schemas.__main__ import ANSWERS, MESSAGES, as_text, schemas
from tests.docs.pages import page
from tests.histories.shelf import files, label
from tests.inventory.databases import fresh_database
from tests.messages.mutations import MODELS, bad_messages, is_legal, legal
from tests.schemas.payloads import SCHEMAS, Payload, payloads, validator
from tests.workflows.stage import Stage, at_work, open_stage

SEED: Final = 20_310_314
BAD_MESSAGES: Final = 5_000
# Histories of messages that are bad on purpose; their answers are good.
BAD_ON_PURPOSE: Final = {"invalid-start", "adjustment-invalid", "signals-ignored"}
_FILES: Final = {model.__name__: name for name, model in MESSAGES.items()}
# Of the messages, one for each model that has a schema.
_NAMES: Final = tuple(
    {model: name for name, model in MODELS.items() if model.__name__ in _FILES}.values()
)


def test_the_files_are_what_the_models_say_and_no_others_are_there():
    written = {path.stem: path.read_text() for path in SCHEMAS.glob("*.json")}
    assert written == {name: as_text(schema) for name, schema in schemas().items()}, (
        "run: make schemas"
    )


@pytest.mark.parametrize("name", [*MESSAGES, *ANSWERS])
def test_each_file_is_a_json_schema(name: str):
    Draft202012Validator.check_schema(json.loads((SCHEMAS / f"{name}.json").read_text()))


@pytest.mark.parametrize("name", [*MESSAGES, *ANSWERS])
def test_the_readme_of_the_schemas_names_each_file(name: str):
    assert f"{name}.json" in page("schemas/README.md").links()


@pytest.mark.parametrize("file", files(), ids=label)
def test_what_past_releases_sent_and_answered_meets_the_schemas(file: Path):
    found = list(payloads(json.loads(file.read_text())))
    assert found or "reconcile" in file.stem
    for payload in found:
        if payload.is_answer or file.stem not in BAD_ON_PURPOSE:
            validator(payload.schema).validate(payload.document)


def test_the_histories_show_every_message_and_every_final_outcome():
    shown = [each for file in files() for each in payloads(json.loads(file.read_text()))]
    # Of what only reads, or puts a refund down, no history is kept.
    told = {each.schema for each in shown if not each.is_answer}
    unkept = {"timeline-request", "holds-request", "refunds-request", "refund-done"}
    assert told == set(MESSAGES) - unkept
    final = {"denied", "fulfilled", "cancelled", "expired", "unavailable"}
    assert {"held", *final} <= {each.document["status"] for each in shown if each.is_answer}


@pytest.mark.parametrize("name", _NAMES)
def test_a_schema_admits_a_legal_message(name: str):
    (argument,) = legal(name)
    validator(_FILES[MODELS[name].__name__]).validate(json.loads(argument.payload.data))


def test_a_schema_refuses_what_the_model_refuses():
    """All but what a schema cannot tell.

    Whole numbers with a fraction, half surrogates, a payment that is not of its operation.
    """
    validators = {name: validator(_FILES[MODELS[name].__name__]) for name in _NAMES}
    admitted, refused = [], 0
    for name, document in _bad_documents():
        if not validators[name].is_valid(document):
            refused += 1
        elif not _beyond_a_schema(document):
            admitted.append((name, document))
    assert admitted == []
    assert refused > BAD_MESSAGES / 3


def _bad_documents() -> Iterator[tuple[str, Any]]:
    """Yield what is one JSON document, and not too deep to be read."""
    for name, arguments in bad_messages(SEED, _NAMES, BAD_MESSAGES):
        try:
            (argument,) = arguments
            if argument.payload.metadata.get("encoding") == b"json/plain":
                document = json.loads(argument.payload.data.decode(), parse_constant=_refuse)
                if not is_legal(MODELS[name], [argument]):
                    yield name, document
        except (ValueError, RecursionError):
            continue


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _beyond_a_schema(document: Any) -> bool:
    if isinstance(document, dict):
        is_payment = document.get("operation") in {"confirm", "payment_ended"}
        if "operation" in document and is_payment != bool(document.get("payment_reference")):
            return True
        return any(_beyond_a_schema(inner) for inner in (*document, *document.values()))
    if isinstance(document, list):
        return any(map(_beyond_a_schema, document))
    if isinstance(document, str):
        return any("\ud800" <= character <= "\udfff" for character in document)
    return isinstance(document, float) and document.is_integer()


@pytest.fixture(scope="module")
async def stage(postgres_url: str, template: str, temporal_address: str) -> AsyncIterator[Stage]:
    with fresh_database(postgres_url, template) as url:
        queue = f"{TASK_QUEUE}-schemas"
        async with open_stage(url, temporal_address, queue) as stage, at_work(stage):
            yield stage


async def test_what_is_answered_today_meets_the_schemas(stage: Stage, unique: str):
    stage.stock("MUG", 5)
    till = stage.till
    paid, denied = f"{unique}-paid", f"{unique}-denied"
    answers = [
        Payload("outcome", await till.reserve(paid, {"MUG": 2}, customer_id="u-17"), True),
        Payload("outcome", await till.reserve(denied, {"MUG": 4, "CUP": 1}), True),
        Payload("checkout-report", await till.status(paid), True),
        Payload("outcome", await till.extend(paid, 60), True),
        Payload("outcome", await till.confirm(paid), True),
        Payload("checkout-report", await till.status(paid), True),
        Payload("checkout-report", await till.status(denied), True),
    ]
    history = json.loads((await till.handle(paid).fetch_history()).to_json())
    for payload in (*answers, *payloads(history)):
        validator(payload.schema).validate(payload.document)
