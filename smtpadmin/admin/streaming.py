"""Answers that come in pieces while something happens: what a page's script asks for, and gets.

The pieces are HTML, made and translated by the views, with a record separator behind each.
"""

from collections.abc import Generator, Iterator

from django.http import HttpRequest, StreamingHttpResponse
from django.utils import translation

# Not text/html, so that no browser takes the stream for a page.
STREAM_TYPE = "application/x-smtpadmin-steps"
SEPARATOR = "\x1e"


def wants_stream(request: HttpRequest) -> bool:
    """Say whether a script asks, rather than a person's press without one."""
    return request.headers.get("Accept", "").startswith(STREAM_TYPE)


def streaming(pieces: Generator[str, None, None], *, language: str) -> StreamingHttpResponse:
    """Return a response that sends each piece as soon as it is made, and closes `pieces` when the reader goes away."""
    response = StreamingHttpResponse(_separated(pieces, language), content_type=f"{STREAM_TYPE}; charset=utf-8")
    # GZipMiddleware would hold everything back until the end, and so would a proxy's buffer; a response that names its
    # encoding is left alone.
    response.headers["Content-Encoding"] = "identity"
    response.headers["X-Accel-Buffering"] = "no"
    response.headers["Cache-Control"] = "no-store"
    return response


def _separated(pieces: Generator[str, None, None], language: str) -> Iterator[str]:
    """Yield the pieces in the reader's language.

    The request is over for middleware when this runs: the language is set around each piece, and never across a yield,
    where another request may go on in this thread.
    """
    try:
        while True:
            with translation.override(language):
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece + SEPARATOR
    finally:
        pieces.close()
