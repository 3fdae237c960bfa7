"""The floor: pgbench sends the bare statements of one checkout, from compiled code.

No answer is read, no request compared, nothing is decided but by one conditional update a line. A
ledger that gives each checkout a transaction of its own can hardly be faster than this.
"""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Final

from benchmarks.case import Reading
from benchmarks.ledger import peer_tables
from benchmarks.ledger.baskets import Assortment
from benchmarks.ledger.crowd import Tally, readings
from benchmarks.ledger.server import analyze, connect
from worker.embedded.errors import EmbeddedServerError
from worker.embedded.postgres_cluster import postgres_environment, postgres_program

BARE: Final = "bare statements"

_SCRIPT: Final = Template("""\
$draws
\\set id random(1, 9000000000000000000)
BEGIN;
$takes
INSERT INTO reservations (id, status, expires_at, created_at)
VALUES ('bench-' || :id, 'held', clock_timestamp() + interval '15 minutes', clock_timestamp());
INSERT INTO reservation_lines (reservation_id, stock_id, quantity)
VALUES $lines;
INSERT INTO stock_movements (stock_id, reservation_id, kind, reserved_delta, created_at)
VALUES $moves;
COMMIT;
""")
_TAKE: Final = Template("""\
UPDATE stock SET reserved_quantity = reserved_quantity + 1
 WHERE id = $item AND total_quantity >= reserved_quantity + 1;
""")
_SECONDS_SLACK: Final = 60.0
_MICROSECONDS: Final = 1_000_000
_LATENCY_FIELD: Final = 2
_CORES_MAX: Final = 2


def pgbench_path() -> Path | None:
    """Return where pgbench is, or None where this Postgres came without it."""
    try:
        path = postgres_program("pgbench")
    except EmbeddedServerError:
        return None
    return path if path.exists() else None


class BareStatements:
    """pgbench on the tables of a peer."""

    name = BARE

    def __init__(
        self, program: Path, url: str, assortment: Assortment, *, seconds: float, directory: Path
    ) -> None:
        self._program = program
        self._engine = connect(url)
        self._url = url
        self._assortment = assortment
        self._seconds = max(1, round(seconds))
        self._directory = directory

    def prepare(self) -> None:
        peer_tables.make_tables(self._engine, self._assortment.skus)
        self._directory.mkdir()
        self._script.write_text(_script(self._assortment))
        self._bench(callers=1, seconds=1)
        analyze(self._engine)

    def run(self, setting: str, round: int) -> Sequence[Reading]:  # noqa: ARG002  # what every case is given
        return readings(self._bench(int(setting), self._seconds), self._seconds)

    def audit(self) -> Sequence[Reading]:
        return [Reading("oversold", peer_tables.oversold_units(self._engine), "units")]

    def close(self) -> None:
        self._engine.dispose()

    @property
    def _script(self) -> Path:
        return self._directory / "checkout.sql"

    def _bench(self, callers: int, seconds: int) -> Tally:
        for old in self._directory.glob("latencies*"):
            old.unlink()
        command = [
            str(self._program), "--no-vacuum", "--protocol=prepared", f"--file={self._script}",
            f"--client={callers}", f"--jobs={min(callers, _CORES_MAX)}", f"--time={seconds}",
            "--log", f"--log-prefix={self._directory / 'latencies'}",
            f"--random-seed={secrets.randbits(31)}", self._url,
        ]  # fmt: skip
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            env=dict(postgres_environment()),
            timeout=seconds + _SECONDS_SLACK,
        )
        latencies = [
            int(line.split()[_LATENCY_FIELD]) / _MICROSECONDS
            for path in self._directory.glob("latencies*")
            for line in path.read_text().splitlines()
        ]
        return Tally(granted=len(latencies), seconds=latencies)


def _script(assortment: Assortment) -> str:
    """Return pgbench's script; its items differ because each is drawn from a range of its own."""
    share = len(assortment.skus) // assortment.lines
    numbers = range(assortment.lines)
    return _SCRIPT.substitute(
        draws="\n".join(
            f"\\set item{n} random({n * share + 1}, {(n + 1) * share})" for n in numbers
        ),
        takes="\n".join(_TAKE.substitute(item=f":item{n}") for n in numbers),
        lines=", ".join(f"('bench-' || :id, :item{n}, 1)" for n in numbers),
        moves=", ".join(
            f"(:item{n}, 'bench-' || :id, 'reserve', 1, clock_timestamp())" for n in numbers
        ),
    )
