"""Traces: off at no cost, spans of requests, a real OTLP receiver with and without TLS."""

import sys
import time

import falcon
import pytest
from falcon import testing
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import INVALID_SPAN, StatusCode

from slurm_plugin.api.middleware import RequestMiddleware
from slurm_plugin.config.settings import TelemetrySettings
from slurm_plugin.errors import ConfigError
from slurm_plugin.telemetry.tracing import (
    Tracing,
    open_tracing,
    provider_for,
    span,
    trace_environment,
)

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Resource:
    def __init__(self):
        self.environment = None

    def on_get(self, req, resp):
        with span("squeue", {"slurm.jobs": 3}) as current:
            current.set_attribute("slurm.release", "26.05")
            self.environment = trace_environment()

    def on_post(self, req, resp):
        with span("sbatch"):
            raise RuntimeError("boom")


@pytest.fixture
def resource():
    return Resource()


def client_of(tracing, resource):
    app = falcon.App(middleware=[RequestMiddleware(tracing)])
    app.add_route("/status", resource)
    return testing.TestClient(app)


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter):
    settings = TelemetrySettings(enable_tracing=True, telemetry_unique_id="site")
    made = provider_for(exporter, settings, {})
    yield made
    made.shutdown()


@pytest.fixture
def spans(provider, exporter):
    def finished():
        provider.force_flush()
        return {one.name: one for one in exporter.get_finished_spans()}

    return finished


@pytest.fixture
def client(provider, resource):
    return client_of(Tracing(provider), resource)


def test_off_by_default_and_then_spans_are_nothing(resource):
    tracing = open_tracing(TelemetrySettings(), {})
    client_of(tracing, resource).simulate_get("/status", headers={"traceparent": PARENT})
    with span("anything") as current:
        assert current is INVALID_SPAN
    assert resource.environment == {}
    tracing.close()


def test_a_request_is_a_span_with_the_go_plugins_names(client, spans):
    client.simulate_get("/status", headers={"Interlink-Http-Session": "GetStatus#1"})
    request = spans()["Status"]
    assert request.attributes["exit.code"] == 200
    assert request.attributes["interlink.session"] == "GetStatus#1"
    duration = request.attributes["end.timestamp"] - request.attributes["start.timestamp"]
    assert duration == pytest.approx(request.attributes["duration"], abs=50_000)
    assert request.resource.attributes["service.name"] == "Plugin-site"


def test_the_callers_trace_goes_on(client, spans, resource):
    client.simulate_get("/status", headers={"traceparent": PARENT})
    found = spans()
    assert f"{found['Status'].context.trace_id:032x}" == PARENT.split("-")[1]
    assert f"{found['Status'].parent.span_id:016x}" == PARENT.split("-")[2]
    assert found["squeue"].parent.span_id == found["Status"].context.span_id
    assert found["squeue"].attributes == {"slurm.jobs": 3, "slurm.release": "26.05"}
    assert resource.environment["TRACEPARENT"].startswith(f"00-{PARENT.split('-')[1]}-")


def test_two_requests_in_one_thread_are_two_traces(client, exporter, provider):
    client.simulate_get("/status")
    client.simulate_get("/status")
    provider.force_flush()
    assert len({one.context.trace_id for one in exporter.get_finished_spans()}) == 2


def test_what_the_thread_did_before_is_no_parent(client, spans, provider):
    with provider.get_tracer("other").start_as_current_span("left over"):
        client.simulate_get("/status")
    assert spans()["Status"].parent is None


def test_a_failure_is_marked(client, spans):
    client.simulate_post("/status")
    found = spans()
    assert found["sbatch"].status.status_code is StatusCode.ERROR
    assert found["Status"].status.status_code is StatusCode.ERROR
    assert found["Status"].attributes["http.response.status_code"] == 500


@pytest.mark.parametrize(
    ("unique_id", "environ", "name"),
    [
        ("", {"OTEL_SERVICE_NAME": "mine"}, "mine"),
        ("site", {"OTEL_SERVICE_NAME": "mine"}, "Plugin-site"),
    ],
)
def test_the_service_has_a_name(exporter, unique_id, environ, name):
    settings = TelemetrySettings(telemetry_unique_id=unique_id)
    provider = provider_for(exporter, settings, environ)
    assert provider.resource.attributes["service.name"] == name
    provider.shutdown()


def test_without_the_extra_the_start_stops_with_a_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", None)
    with pytest.raises(ConfigError, match=r"pip install 'slurm-plugin\[otlp\]'"):
        open_tracing(TelemetrySettings(enable_tracing=True), {})


def test_a_certificate_that_cannot_be_read_stops_the_start(tmp_path):
    settings = TelemetrySettings(
        enable_tracing=True, telemetry_ca_crt_file_path=str(tmp_path / "ca.pem")
    )
    with pytest.raises(ConfigError, match=r"TelemetryCaCrtFilePath can't be read"):
        open_tracing(settings, {})


def test_spans_arrive_at_a_receiver(collector, resource):
    received, port = collector()
    settings = TelemetrySettings(enable_tracing=True, telemetry_endpoint=f"localhost:{port}")
    tracing = open_tracing(settings, {})
    client_of(tracing, resource).simulate_get("/status")
    tracing.close()
    assert sorted(received) == ["Status", "squeue"]


def test_the_standard_variable_is_read_where_the_key_is_not_set(collector, resource):
    received, port = collector()
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://localhost:{port}"}
    tracing = open_tracing(TelemetrySettings(enable_tracing=True), environ)
    client_of(tracing, resource).simulate_get("/status")
    tracing.close()
    assert "Status" in received


@pytest.mark.parametrize("trusted", [True, False])
def test_tls_verifies_the_receiver(collector, certificates, resource, trusted):
    received, port = collector(tls=certificates("collector"))
    authority = certificates("collector" if trusted else "somebody-else")
    settings = TelemetrySettings(
        enable_tracing=True,
        telemetry_endpoint=f"localhost:{port}",
        telemetry_ca_crt_file_path=str(authority.certificate),
        telemetry_client_crt_file_path=str(authority.certificate),
        telemetry_client_key_file_path=str(authority.key),
    )
    tracing = open_tracing(settings, {})
    client_of(tracing, resource).simulate_get("/status")
    tracing.close()
    assert ("Status" in received) is trusted


@pytest.mark.parametrize("collector_is", ["closed_port", "silent_port"])
def test_a_dead_collector_costs_at_most_three_seconds_at_the_end(resource, collector_is, request):
    port = request.getfixturevalue(collector_is)
    settings = TelemetrySettings(enable_tracing=True, telemetry_endpoint=f"localhost:{port}")
    tracing = open_tracing(settings, {})
    client = client_of(tracing, resource)
    began = time.monotonic()
    assert client.simulate_get("/status").status_code == 200
    assert time.monotonic() - began < 0.5
    began = time.monotonic()
    tracing.close()
    assert time.monotonic() - began < 4
