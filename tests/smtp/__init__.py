"""Tests of `smtpadmin.smtp`."""
