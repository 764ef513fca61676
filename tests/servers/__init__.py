"""Tests against real mail servers: Postfix with Dovecot, and Exim."""
