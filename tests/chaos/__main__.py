"""Run faults and print what was counted; the exit code is 1 where a promise was broken.

    python -m tests.chaos [--full] [--seed NUMBER] [--database NAME] [NAME ...]
"""

import argparse
import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from tests.chaos.harness import DATABASES, CannotRun, Counts, as_json, say, site

RUNS = ("kills", "freezes", "rolling", "restarts", "away", "steps")
#: The exit code of a run for which the machine lacks something.
CANNOT_RUN = 77

_ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("names", nargs="*", default=RUNS, metavar="NAME", help=", ".join(RUNS))
    parser.add_argument("--full", action="store_true", help="in the size of `make chaos`, not of `make test`")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--database", choices=DATABASES, action="append")
    parser.add_argument("--here", action="store_true", help="in this process, and print the counts as JSON")
    options = parser.parse_args()
    if options.here:
        return _run_here(_module(options.names[0]), options.database[0], full=options.full, seed=options.seed)
    say(heading())
    bad = 0
    for name in options.names:
        for database in options.database or DATABASES:
            if database in _module(name).RUNS_ON:
                code, text = run_apart(name, database, full=options.full, seed=options.seed)
                say(text)
                bad += code not in (0, CANNOT_RUN)
    return int(bad > 0)


def run_apart(name: str, database: str, *, full: bool, seed: int) -> tuple[int, str]:
    """Run one fault in a process of its own; return its exit code and what there is to say."""
    command = [sys.executable, "-m", "tests.chaos", "--here", "--database", database, "--seed", str(seed), name]
    ran = subprocess.Popen(
        command + ["--full"] * full, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        output, _ = ran.communicate()
    finally:
        # It ends its database and its processes itself, when asked to.
        ran.terminate()
        ran.wait()
    log, _, last = output.strip().rpartition("\n")
    if ran.returncode == CANNOT_RUN:
        return CANNOT_RUN, f"{name:<10}{database:<12}CANNOT RUN: {last}"
    if not last.startswith("{"):
        return ran.returncode or 1, f"{name:<10}{database:<12}BROKEN (seed {seed})\n{output}"
    counts = Counts(**json.loads(last))
    text = "\n    ".join([row(name, database, counts), *counts.breaches])
    return ran.returncode, text if counts.holds else f"{text}\n    seed {seed}; the end of the log:\n{log}"


def heading() -> str:
    return (
        f"{'run':<10}{'database':<12}{'accepted':>9}{'lost':>6}{'delivered':>11}{'twice, marked':>15}"
        f"{'twice, unmarked':>17}{'marked':>8}{'late':>6}{'seconds':>9}  result"
    )


def row(name: str, database: str, counts: Counts) -> str:
    faults = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counts.faults.items())
    return (
        f"{name:<10}{database:<12}{counts.accepted:>9}{counts.lost:>6}{counts.delivered:>11}"
        f"{counts.doubled_with_mark:>15}{counts.doubled_without_mark:>17}{counts.marked:>8}{counts.late:>6}"
        f"{counts.seconds:>9.0f}  {'holds' if counts.holds else 'BROKEN'}: {faults}"
    )


def _run_here(module: ModuleType, database: str, *, full: bool, seed: int) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with site(database, full=full, seed=seed, **getattr(module, "SITE", {})) as made:
            counts = module.run(made, module.FULL if full else module.SMALL)
            if not counts.holds:
                say((made.folder / "log").read_text(errors="replace")[-5000:])
    except CannotRun as reason:
        say(str(reason))
        return CANNOT_RUN
    say(as_json(counts))
    return int(not counts.holds)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"tests.chaos.{name}")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
