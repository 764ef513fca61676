"""Every test here is one against real servers, and runs on each of them."""

from pathlib import Path

import pytest

from tests.support.real_servers import RealServer


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark this folder's tests, so that `-m "not servers"` leaves them out."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.servers)


@pytest.fixture(params=["postfix", "exim"])
def server(request: pytest.FixtureRequest) -> RealServer:
    """Each of the real servers in turn."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, RealServer)
    return found
