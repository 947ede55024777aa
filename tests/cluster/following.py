"""A client that follows a log, piece by piece, as `kubectl logs -f` does behind interLink."""

import http.client
import json
import socket
import threading
import time
from contextlib import suppress
from typing import Any, Self

from tests.cluster.client import PORT, log_body


class Following:
    """A log being followed; the answer's headers are there when it is made.

    Attributes:
        status: HTTP status.
        pieces: what came, each with the seconds since boot at which it came.
    """

    def __init__(self, pod: dict[str, Any], container: str, **options: Any) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
        body = json.dumps(log_body(pod, container, Follow=True, **options))
        headers = {"Content-Type": "application/json"}
        self._connection.request("GET", "/getLogs", body, headers)
        # The answer takes the socket over and closes it late.
        self._socket = self._connection.sock
        self._answer = self._connection.getresponse()
        self.status = self._answer.status
        self.retry_after = self._answer.getheader("Retry-After")
        self.pieces: list[tuple[float, bytes]] = []
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self) -> Self:
        """Read in the background."""
        self._thread.start()
        return self

    def text(self) -> str:
        """All that came until now."""
        return b"".join(piece for _, piece in self.pieces).decode()

    def ended(self, seconds: float) -> bool:
        """Whether the server ends the stream within so many seconds."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def close(self) -> None:
        """Go away, as a client does that is interrupted."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if self._thread.ident is not None:
            self._thread.join(10)
        self._answer.close()
        self._connection.close()

    def _read(self) -> None:
        with suppress(OSError, http.client.HTTPException):
            while piece := self._answer.read1(65536):
                self.pieces.append((time.clock_gettime(time.CLOCK_BOOTTIME), piece))
