"""Fault runs: real workers on real databases that are killed, frozen, cut off and starved while mail goes through them.

    python -m tests.chaos kills --database sqlite          the small run, as `make test` has it
    python -m tests.chaos --full                           every run in full, as `make chaos` has it

Each module but these is one fault: a function `run` that takes a `harness.Site` and a size, does its worst, and returns
what it counted. What a breach is stands in `harness`.
"""
