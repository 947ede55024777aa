"""The one place where errors become HTTP answers.

Only 200 is success to the client, and the text of an error reaches `kubectl describe pod` escaped
and doubled (contract, sections 1.2 and 5): so one plain line, without quotes where they can be
avoided, and never a traceback.
"""

import logging
from typing import Any

import falcon

from slurm_plugin import errors

_log = logging.getLogger(__name__)

_STATUS: dict[type[errors.SlurmPluginError], int] = {
    errors.InvalidRequest: 400,
    errors.SlurmRefused: 422,
    errors.BackendUnavailable: 503,
    errors.UnexpectedAnswer: 502,
    errors.StorageFailed: 507,
    errors.ServiceBusy: 503,
}
_LONGEST = 1000


def install(app: "falcon.App[falcon.Request, falcon.Response]") -> None:
    """Add the handlers to the app."""
    app.add_error_handler(errors.SlurmPluginError, _ours)
    app.add_error_handler(Exception, _unforeseen)
    app.set_error_serializer(_plain)


def _ours(
    req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]
) -> None:
    del params
    status = _STATUS.get(type(error), 500)  # type: ignore[arg-type]
    _log.log(
        logging.ERROR if status >= 500 else logging.WARNING,  # noqa: PLR2004 - HTTP's classes
        "%s %s: %s %s",
        req.method,
        req.path,
        status,
        error,
        extra={"session": req.get_header("InterLink-Http-Session")},
    )
    resp.status = status
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        resp.set_header("Retry-After", str(retry_after))
    _answer(resp, str(error))


def _unforeseen(
    req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]
) -> None:
    del params
    _log.error("%s %s failed in an unforeseen way", req.method, req.path, exc_info=error)
    resp.status = 500
    _answer(resp, "internal error: the plugin's log has the details")


def _plain(req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError) -> None:
    """Falcon's own errors (404, 405, 413) as text."""
    del req
    _answer(resp, error.title or "error")


def _answer(resp: falcon.Response, text: str) -> None:
    resp.content_type = falcon.MEDIA_TEXT
    resp.text = " ".join(text.split())[:_LONGEST]
