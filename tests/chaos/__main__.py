"""Run faults and print what was counted; the exit code is 1 where a promise was broken.

    python -m tests.chaos [--full] [--seed NUMBER] [--database NAME] [NAME ...]

Without names it runs them all.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos.harness import DATABASES, say
from tests.chaos.runs import MISSING, NAMES, NOT_PERMITTED, all_runs, run_apart, run_here, table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--full", action="store_true", help="in the size of `make chaos`, not of `make test`")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--database", choices=DATABASES)
    parser.add_argument("--here", action="store_true", help="one run, in this process; its counts come as JSON")
    parser.add_argument("--templates", type=Path, help="a folder where the runs share empty databases")
    options = parser.parse_args()
    values = {"full": options.full, "seed": options.seed}
    if options.here:
        return run_here(options.names[0], options.database, templates=options.templates, **values)
    say(table([]))
    broken = 0
    with tempfile.TemporaryDirectory(prefix="smtpadmin-chaos-") as folder:
        for name, database in all_runs():
            if name in (options.names or NAMES) and database == (options.database or database):
                code, text = run_apart(name, database, templates=Path(folder), **values)
                say(text)
                broken += code not in (0, MISSING, NOT_PERMITTED)
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
