"""Rows, constraints and named states. Thin: what happens to a row is decided in the modules above."""

from smtpadmin.models.allowance import Allowance
from smtpadmin.models.key_check import KeyCheck
from smtpadmin.models.profile import FromPolicy, Profile, TestState

__all__ = ["Allowance", "FromPolicy", "KeyCheck", "Profile", "TestState"]
