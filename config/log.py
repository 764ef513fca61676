"""What the log may not show besides secrets: links that let their reader in.

Django logs the path of a request that it refuses, and that of a set-up, log-in or password-reset link is a password.
"""

import logging
import re

from smtpadmin.redaction import text_of

LINK = re.compile(r"(/setup/|/login-link/[^/\s]+/|/password-reset/[^/\s]+/)[^/\s]+")


class HideLinks(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        message = text_of(record)
        if LINK.search(message):
            record.msg, record.args = LINK.sub(r"\1***", message), ()
        return True
