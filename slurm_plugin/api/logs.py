"""`/getLogs`: container output as raw bytes."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import falcon

from slurm_plugin.api.wire import Decoders
from slurm_plugin.config.settings import Settings
from slurm_plugin.logs.reader import LONG_READS, LogReader
from slurm_plugin.logs.stream import LogStream

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_WRITE = "slurm_plugin.write"
_DISCONNECTED = "waitress.client_disconnected"


class LogsResource:
    """`GET /getLogs`: one container's log, streamed."""

    def __init__(self, reader: LogReader, decoders: Decoders) -> None:
        self._reader = reader
        self._decoders = decoders

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer 200 with what there is, be it nothing."""
        request = self._decoders.logs(req.bounded_stream.read())
        stream = self._reader.open(request, _gone(req.env))
        resp.content_type = "text/plain"
        resp.stream = _HeadersFirst(stream, req.env)

    on_post = on_get


class StreamingApp(falcon.App[falcon.Request, falcon.Response]):
    """Keeps WSGI's `write` at hand, which alone sends headers before the first byte (PEP 3333)."""

    def __call__(self, env: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[..., Any]:
            write = start_response(status, headers, *error)
            # Only waitress is known to take an empty write, and to send the headers for it.
            if _DISCONNECTED in env:
                env[_WRITE] = write
            return write

        return super().__call__(env, start)


class _HeadersFirst:
    """A stream whose headers are sent before its first piece is waited for."""

    def __init__(self, stream: LogStream, env: dict[str, Any]) -> None:
        self._stream = stream
        self._env = env
        self._begun = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self._begun:
            self._begun = True
            write = self._env.get(_WRITE)
            if write is not None:
                write(b"")
        return next(self._stream)

    def close(self) -> None:
        self._stream.close()


def _gone(env: dict[str, Any]) -> Callable[[], bool]:
    """Whether the client has left; servers that can't tell end the stream when they write."""
    told: Callable[[], bool] = env.get(_DISCONNECTED, lambda: False)
    return told


def extra_threads(settings: Settings) -> int:
    """Threads that log streams may hold, to be added to those that answer requests."""
    return settings.service.log_followers + LONG_READS
