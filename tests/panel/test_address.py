"""Where a browser finds the panel."""

from typing import Any

import pytest

from panel.address import panel_address


@pytest.mark.parametrize(
    ("trusted", "listens", "address"),
    [
        ([], {}, "http://127.0.0.1:8000"),
        ([], {"host": "0.0.0.0", "port": 41234}, "http://127.0.0.1:41234"),
        ([], {"host": "::", "port": 41234}, "http://[::1]:41234"),
        ([], {"host": "192.0.2.7", "port": 80}, "http://192.0.2.7:80"),
        (["https://*.example.com", "https://mail.example.com"], {}, "https://mail.example.com"),
        (["https://mail.example.com"], {"host": "0.0.0.0", "port": 41234}, "https://mail.example.com"),
    ],
)
def test_it_is_the_public_one_or_where_it_listens(
    settings: Any, trusted: list[str], listens: dict[str, Any], address: str
) -> None:
    settings.CSRF_TRUSTED_ORIGINS, settings.HOST, settings.PORT = trusted, "0.0.0.0", 8000
    assert panel_address(**listens) == address
