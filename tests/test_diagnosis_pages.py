"""docs/diagnosis*.md is what the decoder says."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from smtpadmin.smtp import Cause

DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_diagnosis", DOCS / "build_diagnosis.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("name", "language"), [("diagnosis.md", "en"), ("diagnosis.zh-CN.md", "zh")])
def test_the_page_is_made_from_the_decoders_records(builder: ModuleType, name: str, language: str) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    assert page == builder.page(language), "Run: python docs/build_diagnosis.py"


def test_the_page_explains_every_cause(builder: ModuleType) -> None:
    assert {cause for causes in builder.STAGES.values() for cause in causes} == set(Cause)
