"""The peers: each module sets one up and does the steps of `benchmarks.peer` with it, configured as its manual says."""
