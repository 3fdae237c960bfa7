"""The package itself: what importing it loads, and that it installs alone."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import holdfast_client
from holdfast_client import Reservations
from tests.limits import HANG_SECONDS

CLIENT = Path(holdfast_client.__file__).parents[1]


def loaded_by(statement: str) -> set[str]:
    """Return the top-level packages that a fresh interpreter has loaded after a statement."""
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=CLIENT,
        timeout=HANG_SECONDS,
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_but_itself() -> None:
    assert not {"temporalio", "pydantic", "typer", "rich"} & loaded_by("import holdfast_client")


def test_the_client_needs_no_command_line_and_the_fake_no_temporal() -> None:
    client = loaded_by("from holdfast_client import ReservationClient, SyncReservationClient")
    assert not {"typer", "rich", "sqlalchemy", "psycopg"} & client
    assert "temporalio" not in loaded_by("from holdfast_client import FakeReservationClient")


@pytest.mark.parametrize("name", holdfast_client.__all__)
def test_every_public_name_is_there(name: str) -> None:
    attribute = getattr(holdfast_client, name)
    # What is no class, such as a union of types, knows no name of its own.
    assert not isinstance(attribute, type) or attribute.__name__ == name


def test_whatever_a_public_method_takes_or_returns_can_be_imported_from_the_package() -> None:
    named = {
        word
        for name, method in inspect.getmembers(Reservations, inspect.isfunction)
        if not name.startswith("_")
        for note in inspect.get_annotations(method).values()
        for word in re.findall(r"[A-Z]\w+", note)
    }
    assert {"AdjustmentKind", "LineLike", "SummaryStatus"} <= named
    assert named - {"None", "Sequence"} <= set(holdfast_client.__all__)


def test_the_version_is_that_of_the_distribution() -> None:
    project = tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]
    assert holdfast_client.__version__ == project["version"]


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'ReservationClints'"):
        _ = holdfast_client.ReservationClints  # type: ignore[attr-defined]
    assert set(holdfast_client.__all__) <= set(dir(holdfast_client))


def test_the_wheel_holds_the_package_its_types_and_two_requirements(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "flit_core.wheel", "--outdir", str(tmp_path)],
        check=True,
        cwd=CLIENT,
        capture_output=True,
        timeout=HANG_SECONDS,
    )
    (path,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        names = set(wheel.namelist())
        (metadata,) = (name for name in names if name.endswith("/METADATA"))
        text = wheel.read(metadata).decode()
    assert {"holdfast_client/py.typed", "holdfast_client/client.py"} <= names
    needed = re.findall(r"^Requires-Dist: ([\w-]+)(?!.*extra)", text, re.MULTILINE)
    assert needed == ["temporalio", "pydantic"]
