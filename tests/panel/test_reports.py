"""Error reports."""

import sys
from uuid import uuid4

import pytest
from django.http import HttpRequest
from django.test import RequestFactory, override_settings
from django.views.debug import ExceptionReporter

from panel.setup import setup


@pytest.mark.parametrize("debug", [True, False])
def test_what_was_typed_into_a_form_is_in_no_error_report(debug: bool, rf: RequestFactory) -> None:
    # Made up here, because a report quotes lines of code too.
    typed = uuid4().hex
    with override_settings(DEBUG=debug):
        assert typed not in report_of_failing(rf.post("/setup/x/", {"password1": typed}))


def report_of_failing(request: HttpRequest) -> str:
    """Run a view that is marked by sensitive_post_parameters; without a database it fails at its first look-up."""
    try:
        setup(request, token="x")
    except RuntimeError:
        report = ExceptionReporter(request, *sys.exc_info())
        return report.get_traceback_text() + report.get_traceback_html()
    pytest.fail("The view did not fail.")
