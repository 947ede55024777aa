"""An answer that is made while it is sent."""

from collections.abc import Callable, Iterator


class LogStream:
    """Pieces of a log; what they hold is given back by `close`, begun or not.

    Args:
        chunks: the pieces; empty ones mean "nothing new".
        closers: called once each when the stream ends or is closed.
    """

    def __init__(self, chunks: Iterator[bytes], *closers: Callable[[], None] | None) -> None:
        self._chunks = chunks
        self._closers = [closer for closer in closers if closer is not None]

    def __iter__(self) -> "LogStream":
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._chunks)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the stream; more than once does no harm."""
        close_chunks = getattr(self._chunks, "close", None)
        if close_chunks is not None:
            close_chunks()
        while self._closers:
            self._closers.pop(0)()
