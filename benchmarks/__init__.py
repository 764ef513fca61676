"""How fast mail leaves, beside others on the same work: `make bench`. What came out stands in docs/benchmarks.md.

workload   the message that everybody sends          peers/   a module for each: how it is set up, filled, drained
servers    where it goes to, and the databases       peer     one step of one peer, in a process of its own
runs       what is measured, and how often           report   medians and ratios as tables
rows       many rows at once
"""
