"""Probes and hooks, from the container's spec to the state file."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from slurm_plugin.pods import lifecycle, probes
from slurm_plugin.pods.manifest import Container

_FOREVER = "echo up; exec sleep 100"


def _declare(pod, index, **spec):
    container = msgspec.convert({"name": "c", **spec}, Container)
    pod.shell += probes.declarations(index, container, field="spec.containers[0]")
    pod.shell += lifecycle.declarations(index, container, field="spec.containers[0]")


def _exec(command, **settings):
    return {"exec": {"command": ["bash", "-c", command]}, "periodSeconds": 1, **settings}


class _Server(ThreadingHTTPServer):
    """Answers with `code` and keeps the requests' paths and headers."""

    code = 200

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answer)
        self.seen = []


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        self.send_response(self.server.code)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_readiness_goes_up_and_down_with_its_probe(pod):
    _declare(pod, 0, readinessProbe=_exec("test -e $FAKE_POD/good || { echo not yet; false; }"))
    pod.add("main", _FOREVER).start()
    pod.until(lambda: "not yet" in pod.state("run-main").get("message", ""))
    assert pod.state("run-main")["ready"] == "0"
    assert pod.state("run-main")["message"] == "Readiness probe failed: not yet"
    (pod.directory / "good").touch()
    pod.until(lambda: pod.state("run-main")["ready"] == "1")
    assert "message" not in pod.state("run-main")
    (pod.directory / "good").unlink()
    pod.until(lambda: pod.state("run-main")["ready"] == "0")


def test_readiness_falls_only_after_as_many_failures_as_its_threshold(pod):
    _declare(pod, 0, readinessProbe=_exec("echo x >>$FAKE_POD/n; [ $(wc -l <$FAKE_POD/n) -eq 1 ]"))
    pod.add("main", _FOREVER).start()
    pod.until(lambda: pod.state("run-main").get("ready") == "1")
    pod.until(lambda: pod.state("run-main").get("ready") == "0")
    assert len(pod.read("n").splitlines()) == 4


def test_liveness_kills_the_container_and_says_why(pod):
    _declare(pod, 0, livenessProbe=_exec("echo stuck; false", failureThreshold=2))
    assert pod.add("main", _FOREVER).run() == 143
    state = pod.state("run-main")
    assert state["message"].startswith("Liveness probe failed: stuck")
    assert state["reason"] == "Error"


def test_a_container_killed_by_liveness_is_restarted_under_on_failure(pod):
    pod.policy = "OnFailure"
    _declare(pod, 0, livenessProbe=_exec("false", failureThreshold=1))
    pod.add("main", "[ ! -e $FAKE_POD/second ] || exit 0; touch $FAKE_POD/second; exec sleep 100")
    assert pod.run() == 0
    assert pod.state("run-main")["restarts"] == "1"


def test_liveness_waits_for_startup_and_the_container_is_ready_after_it(pod):
    _declare(
        pod,
        0,
        startupProbe=_exec("test -e $FAKE_POD/started", failureThreshold=30),
        livenessProbe=_exec("test -e $FAKE_POD/started", failureThreshold=1),
    )
    pod.add("main", "sleep 2.5; touch $FAKE_POD/started; exec sleep 100").start()
    pod.until(lambda: pod.state("run-main").get("ready") == "0")
    pod.until(lambda: pod.state("run-main").get("ready") == "1")
    assert pod.state("run-main")["restarts"] == "0"


def test_a_startup_probe_that_never_succeeds_kills_the_container(pod):
    _declare(pod, 0, startupProbe=_exec("false", failureThreshold=2))
    assert pod.add("main", _FOREVER).run() == 143
    assert "Startup probe failed" in pod.state("run-main")["message"]


def test_apps_wait_for_the_startup_probe_of_a_sidecar(pod):
    _declare(pod, 0, startupProbe=_exec("test -e $FAKE_POD/up"))
    pod.add("side", "sleep 1; touch $FAKE_POD/up; exec sleep 100", kind="sidecar")
    pod.add("main", "test -e $FAKE_POD/up")
    assert pod.run() == 0


def test_a_probe_that_hangs_fails_after_its_timeout_and_is_killed(pod):
    _declare(pod, 0, readinessProbe=_exec("sleep 300"))
    pod.add("main", _FOREVER).start()
    pod.until(lambda: "no answer within 1 s" in pod.state("run-main").get("message", ""))
    pod.terminate()
    pod.wait()
    assert pod.processes() == []


def test_probes_wait_for_their_initial_delay(pod):
    _declare(pod, 0, livenessProbe=_exec("date +%s >>$FAKE_POD/at; false", initialDelaySeconds=2))
    pod.add("main", "date +%s >$FAKE_POD/at; exec sleep 100").start()
    pod.until(lambda: len(pod.read("at").splitlines()) > 1)
    start, first = map(int, pod.read("at").splitlines()[:2])
    assert 2 <= first - start <= 4


def test_http_probes_send_path_and_headers_to_a_named_port(pod, server):
    http = {
        "port": "web",
        "path": "health?x=1",
        "host": "127.0.0.1",
        "httpHeaders": [{"name": "X-Odd", "value": "it's $(odd) %s"}],
    }
    _declare(
        pod,
        0,
        ports=[{"name": "web", "containerPort": server.server_port}],
        readinessProbe={"httpGet": http, "periodSeconds": 1},
    )
    pod.add("main", _FOREVER).start()
    pod.until(lambda: pod.state("run-main").get("ready") == "1")
    path, headers = server.seen[0]
    assert path == "/health?x=1"
    assert headers["X-Odd"] == "it's $(odd) %s"
    assert headers["Host"] == f"127.0.0.1:{server.server_port}"
    assert headers["User-Agent"].startswith("kube-probe/")
    server.code = 503
    pod.until(lambda: pod.state("run-main")["ready"] == "0")
    assert "statuscode: 503" in pod.state("run-main")["message"]


@pytest.mark.parametrize("action", ["tcpSocket", "grpc"])
def test_tcp_and_grpc_probes_need_an_open_port(pod, server, action):
    open_port = {action: {"port": server.server_port}, "periodSeconds": 1}
    closed_port = {action: {"port": 1}, "periodSeconds": 1}
    _declare(pod, 0, readinessProbe=open_port)
    _declare(pod, 1, readinessProbe=closed_port)
    pod.add("main", _FOREVER).add("other", _FOREVER).start()
    pod.until(lambda: pod.state("run-main").get("ready") == "1")
    pod.until(lambda: "no connection" in pod.state("run-other").get("message", ""))
    assert pod.state("run-other")["ready"] == "0"
    note = pod.state("run-main").get("message", "")
    assert ("only the connection was checked" in note) == (action == "grpc")


def test_an_https_probe_of_a_plain_port_fails(pod, server):
    http = {"port": server.server_port, "scheme": "HTTPS"}
    _declare(pod, 0, readinessProbe={"httpGet": http, "periodSeconds": 1, "timeoutSeconds": 5})
    pod.add("main", _FOREVER).start()
    pod.until(lambda: "Readiness probe failed: " in pod.state("run-main").get("message", ""))
    assert pod.state("run-main")["ready"] == "0"


def test_post_start_runs_beside_the_container_and_delays_readiness(pod):
    _declare(pod, 0, lifecycle={"postStart": _exec("sleep 1; echo post; touch $FAKE_POD/post")})
    pod.add("main", _FOREVER).start()
    pod.until(lambda: pod.state("run-main").get("ready") == "0")
    assert not (pod.directory / "post").exists()
    pod.until(lambda: pod.state("run-main").get("ready") == "1")
    assert "post\n" in pod.read("run-main.out")


def test_a_failing_post_start_kills_the_container(pod):
    _declare(pod, 0, lifecycle={"postStart": _exec("exit 4")})
    assert pod.add("main", _FOREVER).run() == 143
    assert "postStart hook failed with exit code 4" in pod.state("run-main")["message"]


def test_pre_stop_calls_http_and_sleep_hooks(pod, server):
    http = {"port": server.server_port, "path": "/stop", "host": "127.0.0.1"}
    _declare(pod, 0, lifecycle={"preStop": {"httpGet": http}})
    _declare(pod, 1, lifecycle={"preStop": {"sleep": {"seconds": 2}}})
    pod.add("main", "exec sleep 100").add("slow", "exec sleep 100").start()
    pod.until(lambda: pod.state("run-slow").get("started"))
    pod.until(lambda: pod.state("run-main").get("started"))
    pod.terminate()
    assert pod.wait() == 143
    assert [path for path, _ in server.seen] == ["/stop"]
    ends = [int(pod.state(f"run-{name}")["finished"]) for name in ("main", "slow")]
    assert 1 <= ends[1] - ends[0] <= 3
