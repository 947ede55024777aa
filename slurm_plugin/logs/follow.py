"""Following a log that still grows, by looking at it again and again.

No inotify: it says nothing on NFS and Lustre. Looks follow each other quickly while bytes come,
more slowly otherwise, but often enough that a line waits less than a second.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from slurm_plugin.jobs.clock import Clock
from slurm_plugin.logs.files import LogFile
from slurm_plugin.logs.index import Timeline
from slurm_plugin.logs.query import LogQuery
from slurm_plugin.logs.selection import PIECE, at_line_start, first_byte, pieces
from slurm_plugin.logs.source import LogSource
from slurm_plugin.logs.stamps import Stamper

_SHORTEST_WAIT = 0.05
_LONGEST_WAIT = 0.5
_SLOWER = 1.3
# Something that outlives its container may write into the log for ever.
_LOOKS_AFTER_END = 50


class Follower:
    """One client that follows one log.

    Args:
        source: the container's files.
        query: what is asked for; its limit is somebody else's business.
        clock: waits between two looks.
        gone: whether the client has left.
    """

    def __init__(
        self, source: LogSource, query: LogQuery, clock: Clock, gone: Callable[[], bool]
    ) -> None:
        self._source = source
        self._query = query
        self._clock = clock
        self._gone = gone
        self._log: LogFile | None = None
        self._offset = 0
        self._stamper: Stamper | None = None
        self._progress = 0

    @property
    def sent(self) -> bool:
        """Whether the container has written anything."""
        return self._progress > 0

    def run(self) -> Iterator[bytes]:
        """Pieces of the log, an empty one for each look that found nothing.

        Ends when the container ended and all was sent, or when the client left.

        Raises:
            StorageFailed: the log can't be read.
        """
        wait, looks_after_end = _SHORTEST_WAIT, 0
        while not self._gone():
            # Asked before the look: what is written before the end is seen by the look.
            over = self._source.over(self._clock.now())
            before = self._progress
            yield from self._look()
            grew = self._progress != before
            looks_after_end = looks_after_end + 1 if over else 0
            # Two looks: on a network file system the end may be seen before the last words.
            if looks_after_end >= (_LOOKS_AFTER_END if grew else 2):
                return
            yield b""
            wait = _SHORTEST_WAIT if grew or over else min(wait * _SLOWER, _LONGEST_WAIT)
            self._clock.sleep(wait)

    def close(self) -> None:
        """Close the log."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def _look(self) -> Iterator[bytes]:
        """What is new; a log that took the old one's place begins when the old one is sent."""
        found = self._source.open()
        if found is None:
            yield from self._news()
            return
        if self._log is None:
            self._begin(found, first=self._progress == 0)
        elif found.same_as(self._log):
            self._log.close()
            self._log = found
        else:
            with ExitStack() as old:
                old.callback(found.close)
                yield from self._news()
                old.pop_all()
            self._log.close()
            self._begin(found, first=False)
        yield from self._news()

    def _begin(self, log: LogFile, *, first: bool) -> None:
        """Start with a log: the first one where the query says, any later one at its beginning."""
        self._log = log
        self._offset = 0
        index = self._source.open_index()
        try:
            if first:
                self._offset = first_byte(log, log.size(), index, log.modified(), self._query)
            self._stamper = self._new_stamper(log, index)
        finally:
            if index is not None:
                index.close()

    def _new_stamper(self, log: LogFile, index: LogFile | None) -> Stamper | None:
        if not self._query.timestamps:
            return None
        line_begins = at_line_start(log, self._offset)
        return Stamper(Timeline(index, self._offset), self._offset, line_begins=line_begins)

    def _news(self) -> Iterator[bytes]:
        if self._log is None:
            return
        end = self._log.size()
        if end < self._offset:
            # Truncated: what is there now is new.
            self._begin(self._log, first=False)
        if end > self._offset:
            yield from self._send(self._log, end)

    def _send(self, log: LogFile, end: int) -> Iterator[bytes]:
        index = None if self._stamper is None else self._source.open_index()
        try:
            if self._stamper is not None:
                self._stamper.times.renew(index)
            written = log.modified()
            for piece in pieces(log, self._offset, end, PIECE // 4):
                self._offset += len(piece)
                self._progress += len(piece)
                stamper = self._stamper
                yield piece if stamper is None else stamper.stamped(piece, written)
        finally:
            if index is not None:
                index.close()
