"""Every template compiles, also those that no other test renders."""

from pathlib import Path

import pytest
from django.template import engines

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = sorted(
    str(path.relative_to(ROOT))
    for folder in (ROOT / "templates", ROOT / "smtpadmin" / "templates", ROOT / "example")
    for path in folder.rglob("*")
    if path.is_file() and "templates" in path.parts
)


@pytest.mark.parametrize("path", TEMPLATES)
def test_a_template_compiles(path: str) -> None:
    engines["django"].from_string((ROOT / path).read_text(encoding="utf-8"))


def test_the_templates_are_found() -> None:
    assert "templates/admin/base_site.html" in TEMPLATES
    assert "example/shop/templates/shop/order.html" in TEMPLATES
