"""The example project: a shop."""
