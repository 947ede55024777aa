"""Metrics for Prometheus: the only importer of `prometheus_client` (slurm-plugin[metrics]).

Names and units by Prometheus' conventions; the README lists them. Every app has a registry of its
own. What the plugin counts anyway is read when somebody asks, and costs nothing until then.
"""

from collections import Counter as Tally
from collections.abc import Iterator

import falcon
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from slurm_plugin.jobs.plugin import Plugin
from slurm_plugin.telemetry.measured import MeasuredBackend

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)


class Metrics:
    """All metrics of one plugin."""

    def __init__(self, plugin: Plugin) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "slurm_plugin_http_requests",
            "Requests answered.",
            ["endpoint", "method", "code"],
            registry=self._registry,
        )
        self._request_seconds = Histogram(
            "slurm_plugin_http_request_seconds",
            "Time until the answer begins.",
            ["endpoint"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._calls = Counter(
            "slurm_plugin_backend_calls",
            "Questions to SLURM.",
            ["backend", "call"],
            registry=self._registry,
        )
        self._errors = Counter(
            "slurm_plugin_backend_errors",
            "Questions to SLURM that failed.",
            ["backend", "call", "error"],
            registry=self._registry,
        )
        self._call_seconds = Histogram(
            "slurm_plugin_backend_call_seconds",
            "Time of a question to SLURM.",
            ["backend", "call"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._registry.register(_PluginCollector(plugin))

    def request(self, endpoint: str, method: str, code: int, seconds: float) -> None:
        """One request was answered.

        Args:
            endpoint: the route's template, never a path from outside: each makes a series.
            method: HTTP's.
            code: HTTP's.
            seconds: until the answer began.
        """
        self._requests.labels(endpoint, method, str(code)).inc()
        self._request_seconds.labels(endpoint).observe(seconds)

    def backend_call(self, backend: str, call: str, seconds: float, error: str) -> None:
        """One question to SLURM was answered, or failed with this class of error."""
        self._calls.labels(backend, call).inc()
        self._call_seconds.labels(backend, call).observe(seconds)
        if error:
            self._errors.labels(backend, call, error).inc()

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)


class MetricsResource:
    """`/metrics`: for Prometheus."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Asks nobody."""
        del req
        resp.content_type = CONTENT_TYPE
        resp.data = self._metrics.text()


class _PluginCollector:
    """Reads the plugin's own counts."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        yield from self._snapshot()
        yield self._pods()
        backend = self._plugin.backend
        restarts = backend.worker_restarts if isinstance(backend, MeasuredBackend) else 0
        yield CounterMetricFamily(
            "slurm_plugin_worker_restarts",
            "pyslurm workers that died or were killed at their deadline.",
            value=restarts,
        )
        age = self._plugin.capacity.figures().age
        if age is not None:
            yield GaugeMetricFamily(
                "slurm_plugin_capacity_age_seconds", "Age of the ping's numbers.", value=age
            )

    def _snapshot(self) -> Iterator[Metric]:
        figures = self._plugin.tracker.figures()
        if figures.age is not None:
            yield GaugeMetricFamily(
                "slurm_plugin_snapshot_age_seconds", "Age of the queue's picture.", figures.age
            )
        yield GaugeMetricFamily(
            "slurm_plugin_snapshot_refresh_seconds",
            "Duration of its last renewal.",
            value=figures.last_duration,
        )
        yield CounterMetricFamily(
            "slurm_plugin_snapshot_failures", "Renewals that failed.", value=figures.failures
        )

    def _pods(self) -> Metric:
        family = GaugeMetricFamily("slurm_plugin_pods", "Pods by state.", labels=["state"])
        jobs = self._plugin.tracker.latest().jobs.values()
        states = Tally(job.state.value.lower() for job in jobs)
        figures = self._plugin.pods.figures()
        states["kept"] = figures["pods_kept"]
        states["ending"] = figures["pods_ending"]
        for state, count in sorted(states.items()):
            family.add_metric([state], count)
        return family
