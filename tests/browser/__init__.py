"""The pages in a real Chromium: what a template test cannot see."""

import pytest

# Its assertion is made for many tests: it shall say what it found.
pytest.register_assert_rewrite("tests.browser.visitor")
