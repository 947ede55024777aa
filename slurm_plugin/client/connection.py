"""HTTP to a plugin as interLink's API server speaks it: JSON bodies, in GET requests as well."""

import http.client
import json
import socket
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import msgspec

from slurm_plugin.config.settings import ServiceSettings
from slurm_plugin.errors import SlurmPluginError

_UNIX = "unix://"
_TIMEOUT_SECONDS = 120
_PIECE = 65536
# All addresses of the host: loopback is one of them.
_LOOPBACK_OF = MappingProxyType({"0.0.0.0": "127.0.0.1", "::": "::1"})  # noqa: S104


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path
        self._seconds = timeout

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self._seconds)
        self.sock.connect(self._path)


def url_of(service: ServiceSettings) -> str:
    """Where a plugin with these settings is reached from its own host."""
    if service.socket:
        return service.socket
    host = _LOOPBACK_OF.get(service.listen, service.listen)
    return f"http://{f'[{host}]' if ':' in host else host}:{service.sidecar_port}"


class PluginConnection:
    """A plugin at an address; every request is a connection of its own.

    Args:
        url: `http://host:port` or `unix:///path`.
        timeout: seconds without a byte after which a request is given up.
    """

    def __init__(self, url: str, timeout: float = _TIMEOUT_SECONDS) -> None:
        self._url = url
        self._timeout = timeout

    def ask(self, method: str, path: str, body: Any) -> Any:
        """Send a request; returns the decoded JSON of the answer.

        Raises:
            SlurmPluginError: no plugin there, or its answer is an error.
        """
        text = b"".join(self.stream(method, path, body))
        try:
            return json.loads(text)
        except ValueError:
            raise SlurmPluginError(f"{self._url}{path} did not answer JSON") from None

    def stream(self, method: str, path: str, body: Any) -> Iterator[bytes]:
        """Send a request; yields the answer piece by piece as it comes.

        Raises:
            SlurmPluginError: no plugin there, or its answer is an error.
        """
        connection = self._open()
        try:
            headers = {"Content-Type": "application/json", "InterLink-Http-Session": "Command#0"}
            connection.request(method, path, msgspec.json.encode(body), headers)
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                said = answer.read(_PIECE).decode(errors="replace")
                raise SlurmPluginError(f"{path} answered {answer.status}: {said}")
            while piece := answer.read1(_PIECE):
                yield piece
        except (OSError, http.client.HTTPException) as error:
            raise SlurmPluginError(
                f"no plugin answers at {self._url}: {error}; is it running? (--url says where)"
            ) from error
        finally:
            connection.close()

    def _open(self) -> http.client.HTTPConnection:
        if self._url.startswith(_UNIX):
            return _UnixConnection(self._url.removeprefix(_UNIX), self._timeout)
        try:
            parts = urlsplit(self._url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme != "http" or not parts.hostname:
            raise SlurmPluginError(
                f"--url: {self._url!r} is neither http://HOST:PORT nor unix:///PATH"
            )
        return http.client.HTTPConnection(parts.hostname, port, timeout=self._timeout)
