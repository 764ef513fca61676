"""smtpadmin: SMTP profiles, their tests and a mail backend, as a reusable Django app."""

__version__ = "0.1.0"
