"""`make bench`: measure, print the tables, and write them into docs/benchmarks.md.

python -m benchmarks [--quick] [--only NAME ...] [--peers FOLDER] [--print-only]
"""

import argparse
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import django
import psycopg

from benchmarks import report
from benchmarks.runs import FULL, QUICK, ROOT, TINY, Bench
from benchmarks.servers import databases

_NAMES = ("near", "ceiling", "far", "accepting", "urgent", "workers", "rows")
_PAGES = ("benchmarks.md", "benchmarks.zh-CN.md")
_SIZES = {"full": FULL, "quick": QUICK, "tiny": TINY}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--size", choices=_SIZES, default="full")
    parser.add_argument("--only", nargs="+", choices=_NAMES, default=_NAMES, metavar="NAME", help=", ".join(_NAMES))
    parser.add_argument("--peers", type=Path, help="the environment of the peers; without it only ours is measured")
    parser.add_argument("--print-only", action="store_true", help="leave the pages as they are")
    options = parser.parse_args()
    with databases() as found:
        bench = Bench(_SIZES[options.size], found, python=_python(options.peers), say=_say)
        for name in options.only:
            getattr(bench, name)()
            figures = report.text(bench.tables, heading=_heading(options.size))
            if not options.print_only:
                # After each, so that a run which is cut short has not been in vain.
                for page in _PAGES:
                    report.write(ROOT / "docs" / page, figures)
    print(f"\n{figures}")


def _python(folder: Path | None) -> Path | None:
    # Not resolved: it is the link that makes it the environment's.
    return folder.absolute() / "bin" / "python" if folder else None


def _heading(size: str) -> str:
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, size “{size}”: {os.cpu_count()} processors, {platform.system()}, "
        f"Python {platform.python_version()}, Django {django.__version__}, psycopg {psycopg.__version__}."
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
