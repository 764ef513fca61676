"""Parts of the machine that some tests need.

On a newcomer's machine a missing one is a skip that names it; in CI, which installs them all, it is a failure.
"""

import os

import pytest


def require(component: str, available: bool) -> None:
    """Go on if `component` is `available`; else skip, or fail where CI is set."""
    if available:
        return
    if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
        pytest.fail(f"{component} is missing, and CI has to have it.", pytrace=False)
    pytest.skip(f"{component} is missing.")
