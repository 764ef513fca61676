"""Which runs there are, and how one is run: in a process of its own, because Django knows one database in a process."""

import importlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from tests.chaos.harness import Counts, as_json, say, site
from tests.chaos.machine import Missing, NotPermitted

#: In the order in which `make chaos` has them.
NAMES = ("kills", "freezes", "rolling", "restarts", "away", "clocks", "disk", "cut", "steps")

#: Exit codes. What the machine lacks is a failure in CI, which installs it; what it forbids is not.
BROKEN, MISSING, NOT_PERMITTED = 1, 77, 78

_ROOT = Path(__file__).resolve().parents[2]
_HEADING = (
    f"{'run':<9} {'database':<10} {'accepted':>8} {'lost':>4} {'delivered':>9} {'twice, marked':>13} "
    f"{'twice, unmarked':>15} {'marked':>6} {'late':>4} {'seconds':>7}  result"
)


def all_runs() -> Iterator[tuple[str, str]]:
    """Return each run with each database that it is for."""
    for name in NAMES:
        for database in _module(name).RUNS_ON:
            yield name, database


def run_apart(name: str, database: str, *, full: bool, seed: int, templates: Path) -> tuple[int, str]:
    """Run one fault in a process of its own; return its exit code and what there is to say."""
    command = [sys.executable, "-m", "tests.chaos", "--here", "--templates", str(templates), "--database", database]
    ran = subprocess.Popen(
        [*command, "--seed", str(seed), *["--full"] * full, name],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = ran.communicate()
    finally:
        # It ends its database and its processes itself, when asked to.
        ran.terminate()
        ran.wait()
    head = f"{name:<9} {database:<10}"
    log, _, last = output.strip().rpartition("\n")
    if ran.returncode in (MISSING, NOT_PERMITTED):
        return ran.returncode, f"{head} NOT RUN: {last}"
    if not last.startswith("{"):
        return ran.returncode or BROKEN, f"{head} BROKEN with seed {seed}:\n{output}"
    counts = Counts(**json.loads(last))
    text = "\n    ".join([head + _row(counts), *counts.breaches])
    return ran.returncode, text if counts.holds else f"{text}\n    seed {seed}; the end of the log:\n{log}"


def run_here(name: str, database: str, *, full: bool, seed: int, templates: Path | None) -> int:
    """Run one fault in this process, print what was counted as JSON, and return the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    module = _module(name)
    try:
        if sys.platform != "linux":
            raise NotPermitted("Signals, namespaces and clocks are those of Linux.")  # noqa: TRY301  as all that lacks
        if hasattr(module, "before"):
            module.before(full=full)
        options = getattr(module, "SITE", {})
        with site(database, full=full, seed=seed, templates=templates, **options) as made:
            counts: Counts = module.run(made, module.FULL if full else module.SMALL)
            if not counts.holds:
                say((made.folder / "log").read_text(errors="replace")[-5000:])
    except (Missing, NotPermitted) as reason:
        say(str(reason))
        return MISSING if isinstance(reason, Missing) else NOT_PERMITTED
    say(as_json(counts))
    return 0 if counts.holds else BROKEN


def table(rows: list[str]) -> str:
    """Return rows of `run_apart` under their heading."""
    return "\n".join([_HEADING, *rows])


def _row(counts: Counts) -> str:
    faults = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counts.faults.items())
    return (
        f" {counts.accepted:>8} {counts.lost:>4} {counts.delivered:>9} {counts.doubled_with_mark:>13} "
        f"{counts.doubled_without_mark:>15} {counts.marked:>6} {counts.late:>4} {counts.seconds:>7.0f}  "
        f"{'holds' if counts.holds else 'BROKEN'}: {faults}"
    )


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"tests.chaos.{name}")
