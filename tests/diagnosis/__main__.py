"""Runs the corpus and prints its score; arguments are pytest's.

python -m tests.diagnosis
python -m tests.diagnosis -k Gmail
"""

import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    sys.exit(pytest.main([str(Path(__file__).parent), "-q", *sys.argv[1:]]))
