"""Counts of requests and of questions to SLURM, and `/metrics`."""

import re

import falcon.testing
import pytest

from slurm_plugin.app import create_app
from slurm_plugin.errors import BackendUnavailable
from slurm_plugin.jobs.plugin import build
from slurm_plugin.telemetry.measured import MeasuredBackend
from slurm_plugin.telemetry.tracing import Tracing
from tests.fakes.clock import FakeClock
from tests.fakes.fake_backend import FakeBackend
from tests.fakes.pods import UID, sample, settings_for, spec_of


@pytest.fixture
def cluster():
    return FakeBackend()


@pytest.fixture
def plugin(cluster, tmp_path):
    settings = settings_for(tmp_path / "jobs")
    made = build(settings, MeasuredBackend(cluster), "test", clock=FakeClock())
    made.store.prepare()
    made.pods._recover()
    yield made
    made.pods.close()


@pytest.fixture
def client(plugin, tmp_path):
    return falcon.testing.TestClient(create_app(settings_for(tmp_path / "jobs"), plugin, Tracing()))


def metrics(client):
    """Name with labels -> value."""
    lines = client.simulate_get("/metrics").text.splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))
    }


def test_requests_are_counted_by_route_and_not_by_path(client):
    for path in ("/healthz", "/healthz", "/nosuch/1", "/nosuch/2"):
        client.simulate_get(path)
    client.simulate_request("PATCH", "/nosuch/3")
    client.simulate_post("/create", body="{")
    found = metrics(client)
    requests = "slurm_plugin_http_requests_total"
    assert found[f'{requests}{{code="200",endpoint="/healthz",method="GET"}}'] == 2
    assert found[f'{requests}{{code="404",endpoint="none",method="none"}}'] == 3
    assert found[f'{requests}{{code="400",endpoint="/create",method="POST"}}'] == 1
    assert not any("nosuch" in name or "PATCH" in name for name in found)
    assert found['slurm_plugin_http_request_seconds_count{endpoint="/healthz"}'] == 2


def test_questions_to_slurm_are_counted_with_their_errors(client, plugin, cluster):
    client.simulate_post("/create", json=sample("create_minimal.json"))
    cluster.fail_next("nodes", BackendUnavailable("away"))
    with pytest.raises(BackendUnavailable):
        plugin.backend.nodes()
    found = metrics(client)
    labels = '{backend="fake",call="%s"}'
    assert found["slurm_plugin_backend_calls_total" + labels % "submit"] == 1
    assert found["slurm_plugin_backend_call_seconds_count" + labels % "nodes"] == 1
    errors = 'slurm_plugin_backend_errors_total{backend="fake",call="nodes",error="%s"}'
    assert found[errors % "BackendUnavailable"] == 1


def test_the_plugins_own_counts_are_read_and_slurm_is_not_asked(client, plugin, cluster):
    client.simulate_post("/create", json=sample("create_minimal.json"))
    plugin.tracker.current()
    plugin.capacity.ping()
    plugin.capacity.refresh()
    asked = cluster.calls.total()
    found = metrics(client)
    assert cluster.calls.total() == asked
    assert found['slurm_plugin_pods{state="running"}'] == 1
    assert found['slurm_plugin_pods{state="kept"}'] == 0
    assert found["slurm_plugin_worker_restarts_total"] == 0
    assert found["slurm_plugin_snapshot_age_seconds"] == 0
    assert found["slurm_plugin_capacity_age_seconds"] == 0


def test_system_info_has_the_counts(client):
    client.simulate_post("/create", json=sample("create_minimal.json"))
    info = client.simulate_get("/system-info").json
    assert info["slurm_calls"]["submit"]["calls"] == 1
    assert info["worker_restarts"] == 0
    assert info["capacity"] == {"age": None, "away": False}


def test_two_apps_count_apart(client, plugin, tmp_path):
    client.simulate_get("/healthz")
    other = falcon.testing.TestClient(create_app(settings_for(tmp_path / "jobs"), plugin))
    assert not any("/healthz" in name for name in metrics(other))


def test_the_names_are_those_of_the_readme(client, plugin):
    from tests.unit.config.test_readme import README

    client.simulate_post("/create", json=sample("create_minimal.json"))
    plugin.tracker.current()
    plugin.capacity.ping()
    plugin.capacity.refresh()
    families = set(re.findall(r"^# TYPE (\w+)", client.simulate_get("/metrics").text, re.MULTILINE))
    given = {name for name in families if not name.endswith("_created")}
    table = set(re.findall(r"^\| `(slurm_plugin_\w+)", README, re.MULTILINE))
    assert given == table


def test_every_call_reaches_the_backend_with_its_arguments(cluster):
    backend = MeasuredBackend(cluster)
    job = backend.submit(spec_of(UID))
    assert set(backend.query([job])) == {job}
    assert backend.lookup(job).job_id == job
    assert [one.job_id for one in backend.find(UID)] == [job]
    assert [one.job_id for one in backend.marked("slurm-plugin pod ")] == [job]
    backend.signal([job], 10)
    assert cluster.signals(job) == [10]
    backend.cancel([job])
    assert [node.name for node in backend.nodes()] == ["n1"]
    assert set(backend.history([job], 0, 2**31)) == {job}
    assert backend.info().backend == backend.name == "fake"
    calls = "submit query lookup find marked signal cancel nodes history info"
    assert {name: count.calls for name, count in backend.counts().items()} == dict.fromkeys(
        calls.split(), 1
    )
    backend.close()
    assert cluster.closed
