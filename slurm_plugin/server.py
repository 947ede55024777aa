"""waitress with a clean end: what is in hand is answered, new work is not taken.

waitress' own `run` stops sending as soon as it is told to stop, so that finished answers may never
leave; therefore the loop is turned here, and only ends when everything is out or time is up.
"""

import logging
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from waitress import wasyncore
from waitress.server import create_server

from slurm_plugin.config.settings import ServiceSettings
from slurm_plugin.listener import Listener

_log = logging.getLogger(__name__)

_MIB: Final = 1 << 20
# InterLink keeps idle connections for 120 s and never repeats a POST that met a closed one.
_KEEP_ALIVE_SECONDS: Final = 180
_LONGEST_HEADERS: Final = 64 * 1024
_MOST_CONNECTIONS: Final = 2000
_SPARE_CONNECTIONS: Final = 100
_HELD_ANSWER: Final = 2 * _MIB
_LARGEST_ANSWER: Final = 1024 * _MIB
_DRAIN_SECONDS: Final = 10.0
_TURN_SECONDS: Final = 0.1
_THREADS_END_SECONDS: Final = 1

Application = Callable[..., Any]


class Server:
    """Serves one application on one socket.

    Args:
        app: a WSGI application.
        settings: threads and limits.
        listener: closed when the server ends.
        extra_threads: for log streams, besides those that the settings name.
        drain_seconds: how long requests in hand may take after `stop`.
        before_drain: called after `stop`; ends answers that would never end by themselves.
    """

    def __init__(
        self,
        app: Application,
        settings: ServiceSettings,
        listener: Listener,
        *,
        extra_threads: int = 0,
        drain_seconds: float = _DRAIN_SECONDS,
        before_drain: Callable[[], None] | None = None,
    ) -> None:
        self._listener = listener
        self._drain_seconds = drain_seconds
        self._before_drain = before_drain
        self._stops = 0
        self._ended = False
        self._map: dict[int, Any] = {}
        threads = settings.threads + extra_threads
        self._server = create_server(
            app,
            map=self._map,
            sockets=[listener.socket],
            threads=threads,
            ident=None,
            channel_timeout=_KEEP_ALIVE_SECONDS,
            max_request_header_size=_LONGEST_HEADERS,
            max_request_body_size=settings.max_request_mib * _MIB,
            # Bodies hold Secrets: they stay in memory, never in a temporary file.
            inbuf_overflow=settings.max_request_mib * _MIB + 1,
            recv_bytes=_MIB // 4,
            # Answers wait in memory, never in a temporary file; long ones wait in their thread.
            outbuf_high_watermark=_HELD_ANSWER,
            outbuf_overflow=_LARGEST_ANSWER,
            # One request ahead, so that a client that went away during a long answer is noticed.
            channel_request_lookahead=1,
            connection_limit=_connection_limit(threads),
            asyncore_use_poll=True,
        )

    def stop(self) -> None:
        """Begin to end; the second call ends at once. For signal handlers and other threads."""
        self._stops += 1
        if not self._ended:
            self._server.pull_trigger()

    def run(self) -> None:
        """Serve until `stop`, then finish what is in hand."""
        _log.info("listening on %s", self._listener.address)
        try:
            while not self._stops:
                self._turn(1.0)
            _log.info("stopping: requests in hand are finished")
            self._drain()
        finally:
            self._close()

    def _turn(self, timeout: float) -> None:
        wasyncore.loop(timeout=timeout, use_poll=True, map=self._map, count=1)

    def _drain(self) -> None:
        self._stop_accepting()
        if self._before_drain is not None:
            self._before_drain()
        deadline = time.monotonic() + self._drain_seconds
        while self._stops == 1 and time.monotonic() < deadline:
            for channel in self._channels():
                if not _busy(channel):
                    channel.handle_close()
            if not self._channels():
                return
            self._turn(_TURN_SECONDS)
        _log.warning("stopped with %d requests unfinished", len(self._channels()))

    def _stop_accepting(self) -> None:
        # Clients that connect from now on are refused, and may go to the next instance.
        self._server.accepting = False
        self._server.del_channel(self._map)
        self._listener.close()

    def _channels(self) -> list[Any]:
        return list(self._server.active_channels.values())

    def _close(self) -> None:
        self._listener.close()
        self._ended = True
        for channel in self._channels():
            channel.handle_close()
        self._server.task_dispatcher.shutdown(timeout=_THREADS_END_SECONDS)
        # A thread that still works will write to the trigger's file descriptor. Were that closed,
        # its number might by then belong to a pod's record.
        threading.Thread(target=self._close_trigger, name="server-end", daemon=True).start()

    def _close_trigger(self) -> None:
        dispatcher = self._server.task_dispatcher
        with dispatcher.lock:
            while dispatcher.threads:
                dispatcher.thread_exit_cv.wait()
        self._server.trigger.close()


def _busy(channel: Any) -> bool:
    """A request is being read, answered, or its answer is being sent."""
    if channel.requests or channel.total_outbufs_len:
        return True
    return channel.request is not None and not channel.request.empty


class StopRequest:
    """What a signal asks for; remembered while there is no server yet."""

    def __init__(self) -> None:
        self._asked = 0
        self._server: Server | None = None

    def ask(self) -> None:
        """Stop the server, as soon as there is one."""
        self._asked += 1
        if self._server is not None:
            self._server.stop()

    def attach(self, server: Server) -> None:
        """From now on this server is stopped; at once when that was asked for before."""
        self._server = server
        if self._asked:
            server.stop()


@contextmanager
def stopped_by_signals() -> Iterator[StopRequest]:
    """SIGTERM and SIGINT become a request instead of ending the process (main thread only)."""
    request = StopRequest()

    def handle(number: int, frame: FrameType | None) -> None:
        del number, frame
        request.ask()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _connection_limit(threads: int) -> int:
    """Half of the file descriptors (the other half is for files and SLURM), but one per thread.

    The limit itself stays: sbatch hands it on to the jobs (PropagateResourceLimits).
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(threads + _SPARE_CONNECTIONS, min(_MOST_CONNECTIONS, soft // 2))
