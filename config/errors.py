"""Why a start ends before it serves."""


class CannotStart(Exception):
    """Something that the person who starts the panel has to mend; the text says what, in one line."""
