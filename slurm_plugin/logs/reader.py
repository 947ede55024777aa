"""Answers log requests: the one entrance of this room."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

from slurm_plugin.api.wire import LogRequest
from slurm_plugin.config.settings import Settings
from slurm_plugin.jobs.clock import Clock, SystemClock
from slurm_plugin.jobs.store import PodStore
from slurm_plugin.logs.files import LogFile
from slurm_plugin.logs.follow import Follower
from slurm_plugin.logs.index import Timeline
from slurm_plugin.logs.query import LogQuery, query_of
from slurm_plugin.logs.selection import PIECE, first_byte, limited, pieces
from slurm_plugin.logs.slots import Slots
from slurm_plugin.logs.source import LogSource, source_of
from slurm_plugin.logs.stamps import Stamper
from slurm_plugin.logs.stream import LogStream

# Less than what the server takes at once (`slurm_plugin.server`): longer answers to slow clients
# hold a thread.
_SHORT_ANSWER = 2 << 20
LONG_READS = 16


class LogReader:
    """Logs of containers.

    Args:
        store: the pods' directories.
        settings: how many followers may be served at once, what is done with SLURM's own output.
        clock: time; the system's when None.
    """

    def __init__(self, store: PodStore, settings: Settings, clock: Clock | None = None) -> None:
        self._store = store
        self._job_output = settings.logs.logs_with_job_output
        self._clock = clock or SystemClock()
        self.followers = Slots(settings.service.log_followers, "followers of logs")
        self.long_reads = Slots(LONG_READS, "long logs being read")
        self._ending = threading.Event()

    def end_followers(self) -> None:
        """The service stops: all that follow get what there is, and end; for other threads."""
        self._ending.set()

    def open(self, request: LogRequest, gone: Callable[[], bool]) -> LogStream:
        """The answer to a request; empty when pod, container or file are not known.

        Args:
            request: what is asked for.
            gone: whether the client has left, asked now and then while following.

        Raises:
            InvalidRequest: the request is malformed.
            ServiceBusy: too many follow already.
            StorageFailed: the record or the log can't be read.
        """
        query = query_of(request, self._clock.now())
        source = source_of(self._store, query)
        if source is None:
            return LogStream(iter(()))
        if query.follow:
            return self._follow(source, query, gone)
        return self._read(source, query)

    def _follow(self, source: LogSource, query: LogQuery, gone: Callable[[], bool]) -> LogStream:
        slot = self.followers.take()
        follower = Follower(source, query, self._clock, lambda: gone() or self._ending.is_set())
        chunks = limited(self._followed(source, query, follower), query.limit)
        return LogStream(chunks, follower.close, slot.release)

    def _followed(self, source: LogSource, query: LogQuery, follower: Follower) -> Iterator[bytes]:
        yield from self._before(source, query)
        yield from follower.run()
        yield from self._after(source, query, empty=not follower.sent)

    def _read(self, source: LogSource, query: LogQuery) -> LogStream:
        with ExitStack() as opened:
            log = source.open()
            if log is not None:
                opened.callback(log.close)
            start, end = _span(source, log, query)
            slot = self.long_reads.take() if end - start > _SHORT_ANSWER else None
            chunks = limited(self._parts(source, query, log, (start, end)), query.limit)
            closers = opened.pop_all().close
        return LogStream(chunks, closers, slot.release if slot else None)

    def _parts(
        self, source: LogSource, query: LogQuery, log: LogFile | None, span: tuple[int, int]
    ) -> Iterator[bytes]:
        yield from self._before(source, query)
        empty = log is None or log.size() == 0
        if log is not None:
            yield from _selected(source, query, log, span)
        yield from self._after(source, query, empty=empty)

    def _before(self, source: LogSource, query: LogQuery) -> Iterator[bytes]:
        if self._job_output == "before" and _whole(query):
            yield from _job_output(source, query)

    def _after(self, source: LogSource, query: LogQuery, *, empty: bool) -> Iterator[bytes]:
        """SLURM's words come last, where the container's are no answer or where it is wanted."""
        whole = _whole(query)
        wanted = whole and self._job_output == "after"
        shown = whole and self._job_output == "before"
        if wanted or (not shown and (empty or whole) and source.never_started(self._clock.now())):
            yield from _job_output(source, query)


def _whole(query: LogQuery) -> bool:
    """Whether all that a container wrote is asked for: only then job.out is put beside it."""
    return query.tail is None and query.since is None and not query.previous


def _span(source: LogSource, log: LogFile | None, query: LogQuery) -> tuple[int, int]:
    """First byte and end of the answer in the log as it is now."""
    if log is None:
        return 0, 0
    end = log.size()
    index = source.open_index() if query.since is not None else None
    with ExitStack() as opened:
        if index is not None:
            opened.callback(index.close)
        return first_byte(log, end, index, log.modified(), query), end


def _selected(
    source: LogSource, query: LogQuery, log: LogFile, span: tuple[int, int]
) -> Iterator[bytes]:
    if not query.timestamps:
        yield from pieces(log, *span)
        return
    with ExitStack() as opened:
        index = source.open_index()
        if index is not None:
            opened.callback(index.close)
        yield from _stamped(log, index, span)


def _stamped(log: LogFile, index: LogFile | None, span: tuple[int, int]) -> Iterator[bytes]:
    start, end = span
    stamper = Stamper(Timeline(index, start), start, line_begins=True)
    written = log.modified()
    for piece in pieces(log, start, end, PIECE // 4):
        yield stamper.stamped(piece, written)


def _job_output(source: LogSource, query: LogQuery) -> Iterator[bytes]:
    output = source.open_job_output()
    if output is None:
        return
    with closing(output):
        end = output.size()
        start = first_byte(output, end, None, output.modified(), query)
        if query.timestamps:
            yield from _stamped(output, None, (start, end))
        else:
            yield from pieces(output, start, end)
