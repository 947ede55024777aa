"""The endpoints: read the body, call the service, write the answer.

No error handling here: `errors.py` maps the plugin's errors to answers in one place.
"""

from collections import Counter
from typing import Any

import falcon

from slurm_plugin.api.wire import CreateAnswer, Decoders, encoded
from slurm_plugin.jobs.plugin import Plugin
from slurm_plugin.telemetry.measured import MeasuredBackend

# The client reads a GET's body by its Content-Length (contract, section 5, item 1).


class CreateResource:
    """`POST /create`: one pod becomes one job."""

    def __init__(self, plugin: Plugin, decoders: Decoders) -> None:
        self._plugin = plugin
        self._decoders = decoders

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with UID and job id, both text."""
        record = self._plugin.pods.create(self._decoders.create(req.bounded_stream.read()))
        resp.data = encoded(CreateAnswer(record.uid, record.jid))


class StatusResource:
    """`GET /status`: states of the listed pods; with an empty list the ping."""

    def __init__(self, plugin: Plugin, decoders: Decoders) -> None:
        self._plugin = plugin
        self._decoders = decoders

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with one entry per pod, or with the size of the cluster."""
        pods = self._decoders.pods(req.bounded_stream.read())
        if pods:
            resp.data = encoded(self._plugin.pods.statuses(pods))
        else:
            resp.data = encoded(self._plugin.capacity.ping())

    on_post = on_get


class DeleteResource:
    """`POST /delete`: end the pod's job and remove its files."""

    def __init__(self, plugin: Plugin, decoders: Decoders) -> None:
        self._plugin = plugin
        self._decoders = decoders

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer 200 as soon as the intent is stored: the client never asks again."""
        self._plugin.pods.delete(self._decoders.pod(req.bounded_stream.read()))
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = "All containers for submitted Pods have been deleted"

    on_delete = on_post


class SystemInfoResource:
    """`/system-info`: for operators (contract, section 1.7)."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Always 200; `status` says how SLURM is."""
        del req
        resp.data = encoded({**self._plugin.system_info(), **_figures(self._plugin)})

    on_post = on_get


def _figures(plugin: Plugin) -> dict[str, Any]:
    """What the plugin did so far, and what it sees now."""
    jobs = plugin.tracker.latest().jobs.values()
    figures: dict[str, Any] = {
        "jobs_by_state": dict(Counter(job.state.value for job in jobs)),
        "capacity": plugin.capacity.figures(),
    }
    if isinstance(plugin.backend, MeasuredBackend):
        figures["slurm_calls"] = plugin.backend.counts()
        figures["worker_restarts"] = plugin.backend.worker_restarts
    return figures


class HealthResource:
    """`/healthz`: the process answers."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Touches nothing but this thread."""
        del req
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = "ok"


class ReadyResource:
    """`/readyz`: SLURM answers."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """200, or 503 with the reason by way of the error handler."""
        del req
        self._plugin.check_ready()
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = "ok"
