"""A missing component is a skip that names it, and in CI a failure."""

import pytest

from tests.support.components import require


@pytest.mark.parametrize("ci", ["", "true"])
def test_what_is_there_is_no_matter(monkeypatch: pytest.MonkeyPatch, ci: str) -> None:
    monkeypatch.setenv("CI", ci)
    require("Postfix", True)


def test_a_missing_component_is_named_by_the_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Postfix is missing"):
        require("Postfix", False)


def test_a_missing_component_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="Postfix is missing"):
        require("Postfix", False)
