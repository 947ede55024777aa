"""What surrounds every request: its session in the log, its span, a line at DEBUG."""

import logging
from collections.abc import Callable
from time import perf_counter, time
from types import MappingProxyType
from typing import Final

import falcon
from opentelemetry import context, trace

from slurm_plugin.logging_setup import session_of_request
from slurm_plugin.telemetry.tracing import Tracing

_log = logging.getLogger(__name__)

SESSION_HEADER: Final = "InterLink-Http-Session"
_NO_SESSION: Final = "NoSessionFound#0"  # the Go plugin's word for a request without one
_LONGEST_SESSION: Final = 128
# The Go plugin's span names.
_SPAN_NAMES: Final = MappingProxyType(
    {
        "/create": "Create",
        "/delete": "Delete",
        "/status": "Status",
        "/getLogs": "GetLogs",
        "/system-info": "SystemInfo",
    }
)
_SERVER_ERROR: Final = 500
_NO_ROUTE: Final = "none"

RequestReport = Callable[[str, str, int, float], None]


class RequestMiddleware:
    """Falcon's hooks around a request; all of it runs in the thread that answers.

    Args:
        tracing: where spans go.
    """

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._report: RequestReport | None = None

    def report_to(self, report: RequestReport) -> None:
        """Tell of every answered request: route, method, status, seconds."""
        self._report = report

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Remember the session; begin the span."""
        del resp
        # Not reset afterwards: a streamed body is made later, and the next request sets it anew.
        session = req.get_header(SESSION_HEADER) or _NO_SESSION
        session_of_request.set(session[:_LONGEST_SESSION])
        req.context.started = perf_counter()
        span = self._tracing.enter_request(req.headers, _SPAN_NAMES.get(req.path, req.method))
        req.context.span = span
        if self._tracing.enabled:
            span.set_attributes(
                {
                    "start.timestamp": _microseconds(),
                    "http.request.method": req.method,
                    "url.path": req.path,
                    "interlink.session": session[:_LONGEST_SESSION],
                }
            )
            req.context.span_token = context.attach(trace.set_span_in_context(span))

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, resource: object, req_succeeded: bool
    ) -> None:
        """End the span; say how long it took."""
        del resource, req_succeeded
        seconds = perf_counter() - req.context.started
        _log.debug(
            "%s %s",
            req.method,
            req.path,
            extra={"status": resp.status_code, "milliseconds": round(seconds * 1000, 1)},
        )
        if self._report is not None:
            # The route and not the path, and no method of the caller's making: both make series.
            route = req.uri_template or _NO_ROUTE
            method = req.method if route != _NO_ROUTE else _NO_ROUTE
            self._report(route, method, resp.status_code, seconds)
        if not self._tracing.enabled:
            return
        span: trace.Span = req.context.span
        context.detach(req.context.span_token)
        span.set_attributes(
            {
                "end.timestamp": _microseconds(),
                "duration": int(seconds * 1e6),
                "exit.code": resp.status_code,
                "http.response.status_code": resp.status_code,
            }
        )
        if resp.status_code >= _SERVER_ERROR:
            span.set_status(trace.StatusCode.ERROR)
        span.end()


def _microseconds() -> int:
    return int(time() * 1e6)
