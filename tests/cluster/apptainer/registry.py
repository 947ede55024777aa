"""A registry in front of the cluster's own: counts what is asked, and may want a login."""

import base64
import http.client
import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

UPSTREAM = ("127.0.0.1", 5000)


class Registry:
    """Every tag of the image `busybox` is the cluster's `busybox:latest`.

    Attributes:
        fetched: number of requests for the manifest, by tag.
        refused: number of requests without the right login.
    """

    def __init__(self, port: int = 0, login: str = "") -> None:
        self.fetched: Counter[str] = Counter()
        self.refused = 0
        self._guard = threading.Lock()
        self._authorization = f"Basic {base64.b64encode(login.encode()).decode()}" if login else ""
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())

    def image(self, tag: str) -> str:
        return f"docker://127.0.0.1:{self._server.server_port}/busybox:{tag}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def admits(self, authorization: str | None) -> bool:
        if self._authorization in ("", authorization):
            return True
        with self._guard:
            self.refused += 1
        return False

    def upstream_path(self, path: str) -> str:
        """The path at the cluster's registry; counts tags."""
        match = re.fullmatch(r"(/v2/busybox/manifests/)([^:]+)", path)
        if match is None:
            return path
        with self._guard:
            self.fetched[match[2]] += 1
        return path if match[2] == "nosuch" else f"{match[1]}latest"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if not registry.admits(self.headers["Authorization"]):
                    self._answer(401, {"WWW-Authenticate": 'Basic realm="test"'}, b"")
                    return
                upstream = http.client.HTTPConnection(*UPSTREAM, timeout=30)
                headers = {"Accept": ", ".join(self.headers.get_all("Accept") or ["*/*"])}
                upstream.request(self.command, registry.upstream_path(self.path), headers=headers)
                found = upstream.getresponse()
                kept = ("content-type", "docker-content-digest")
                named = {k: v for k, v in found.getheaders() if k.lower() in kept}
                self._answer(found.status, named, found.read(), found.getheader("Content-Length"))
                upstream.close()

            do_HEAD = do_GET  # noqa: N815 - the name is the server's

            def _answer(
                self, status: int, headers: dict[str, str], body: bytes, length: str | None = None
            ) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", length or str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
