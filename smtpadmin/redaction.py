"""Keeps secrets out of logs: a logging filter that removes every live secret, whatever form it takes."""

import logging

from smtpadmin.smtp import live_secrets, scrub


def text_of(record: logging.LogRecord) -> str:
    """Return the record's text. A call with the wrong arguments shows as it was written, and breaks nobody's work."""
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return f"{record.msg} {record.args!r}"


class ScrubSecrets(logging.Filter):
    """Rewrite a record so that neither its message nor its traceback holds a secret known to this process."""

    _formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Scrub by value, on the formatted text: a pattern would miss what a server echoes (measured: AUTH PLAIN)."""
        secrets = live_secrets()
        if secrets:
            record.msg, record.args = scrub(text_of(record), secrets), ()
            if record.exc_info and not record.exc_text:
                record.exc_text = self._formatter.formatException(record.exc_info)
            if record.exc_text:
                record.exc_text = scrub(record.exc_text, secrets)
            if record.stack_info:
                record.stack_info = scrub(record.stack_info, secrets)
        return True
