"""Probes, hooks, restarts and endings of pods on a real SLURM, seen through `/status`."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.client import Client, container, exit_codes, pod
from tests.cluster.conftest import job_field, jobs_of, until
from tests.cluster.following import Following

HONOUR = {"slurm-job.vk.io/restart-policy": "honour"}
Pod = dict[str, Any]


@pytest.fixture
def client() -> Iterator[Client]:
    """After each test no process of its jobs is left on any node."""
    remembering = Remembering()
    yield remembering
    for one in remembering.pods:
        remembering.delete(one)
    until(lambda: not any(map(processes_of, remembering.sessions)), 30)


class Remembering(Client):
    """Knows the pods that it created."""

    def __init__(self) -> None:
        self.pods: list[Pod] = []
        self.sessions: list[str] = []

    def start(self, sent: Pod) -> int:
        """Create a pod and wait for its batch script; returns its job's id."""
        self.pods.append(sent)
        job = int(self.create(sent).json()["PodJID"])
        until(lambda: self._remember_session(job), 30)
        return job

    def _remember_session(self, job: int) -> bool:
        for process in Path("/proc").glob("[0-9]*"):
            if f"/job{job:05}/slurm_script" in read(process / "cmdline"):
                self.sessions.append(session_of(process))
                return True
        return False


def read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def session_of(process: Path) -> str:
    """Session id (proc(5), stat, field 6); empty for a process that is gone."""
    return (read(process / "stat").rpartition(")")[2].split() or [""] * 4)[3]


def processes_of(session: str) -> list[str]:
    """Processes on the nodes that came from a batch script."""
    return [path.name for path in Path("/proc").glob("[0-9]*") if session_of(path) == session]


def app(name: str, status: dict[str, Any]) -> dict[str, Any]:
    """The status of one container."""
    return next(one for one in status["containers"] if one["name"] == name)


def exec_probe(script: str, **settings: int) -> dict[str, Any]:
    return {"exec": {"command": ["sh", "-c", script]}, "periodSeconds": 1, **settings}


def shared() -> tuple[dict[str, Any], dict[str, Any]]:
    """A directory that container and probes see: what a container gets, and the pod."""
    mounts = {"volumeMounts": [{"name": "work", "mountPath": "/work"}]}
    return mounts, {"volumes": [{"name": "work", "emptyDir": {}}]}


def test_a_pod_is_ready_after_its_startup_probe(client: Remembering, image: str) -> None:
    mounts, volumes = shared()
    probe = exec_probe("test -e /work/up", failureThreshold=60)
    main = container(
        "main", "sleep 4; touch /work/up; sleep 60", image, startupProbe=probe, **mounts
    )
    sent = pod(main, **volumes)
    client.start(sent)
    waiting = client.wait(
        sent, lambda s: "probe" in str(app("main", s)["state"].get("waiting", {}).get("message"))
    )
    assert not app("main", waiting)["ready"]
    assert app("main", waiting)["state"]["waiting"]["reason"] == "NotReady"
    ready = client.wait(sent, lambda s: app("main", s)["ready"], 20)
    assert app("main", ready)["state"]["running"]
    assert processes_of(client.sessions[0]), "the check for what is left would find nothing"


def test_a_container_is_killed_by_liveness_and_restarted(client: Remembering, image: str) -> None:
    mounts, volumes = shared()
    probe = exec_probe("test ! -e /work/sick", failureThreshold=1)
    script = (
        "echo run; [ -e /work/sick ] || { touch /work/sick; sleep 60; }; rm /work/sick; sleep 60"
    )
    main = container("main", script, image, livenessProbe=probe, **mounts)
    sent = pod(main, annotations=HONOUR, restartPolicy="Always", **volumes)
    client.start(sent)
    client.wait(sent, lambda s: app("main", s)["restartCount"] == 1, 30)
    assert client.log(sent, "main", Previous=True) == "run\n"
    client.wait(sent, lambda s: app("main", s)["ready"], 10)
    time.sleep(3)
    assert app("main", client.status(sent))["restartCount"] == 1


def test_liveness_without_restarts_ends_the_pod_and_says_why(
    client: Remembering, image: str
) -> None:
    probe = exec_probe("echo no pulse; exit 1", failureThreshold=2)
    sent = pod(
        container("main", "exec sleep 60", image, livenessProbe=probe), restartPolicy="Always"
    )
    client.start(sent)
    status = client.wait_ended(sent, 30)
    state = app("main", status)["state"]["terminated"]
    assert state["exitCode"] in (137, 143)
    assert "no pulse" in state["message"]
    assert app("main", status)["restartCount"] == 0


def test_readiness_goes_up_and_down(client: Remembering, image: str) -> None:
    mounts, volumes = shared()
    script = "sleep 2; touch /work/ok; sleep 5; rm /work/ok; sleep 5; touch /work/ok; sleep 60"
    probe = exec_probe("test -e /work/ok || { echo not now; exit 1; }", failureThreshold=1)
    sent = pod(container("main", script, image, readinessProbe=probe, **mounts), **volumes)
    client.start(sent)
    client.wait(sent, lambda s: app("main", s)["ready"], 30)
    down = client.wait(sent, lambda s: not app("main", s)["ready"], 20)
    assert "not now" in app("main", down)["state"]["waiting"]["message"]
    client.wait(sent, lambda s: app("main", s)["ready"], 20)


def test_pre_stop_runs_before_term_after_a_delete(client: Remembering, image: str) -> None:
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo hook; sleep 1; echo hook over"]}}}
    script = "trap 'echo term; exit 0' TERM; echo up; while :; do sleep 0.1; done"
    sent = pod(container("main", script, image, lifecycle=hook))
    job = client.start(sent)
    client.wait_running(sent)
    with Following(sent, "main").begin() as log:
        until(lambda: log.text() == "up\n", 10)
        client.delete(sent)
        assert log.ended(20)
        assert log.text() == "up\nhook\nhook over\nterm\n"
    until(lambda: job_field(job, "JobState") in ("COMPLETED", "CANCELLED"), 20)


def test_pre_stop_runs_before_the_time_limit(client: Remembering, image: str) -> None:
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo hook"]}}}
    script = "trap 'echo term; exit 9' TERM; echo up; while :; do sleep 0.1; done"
    main = container("main", script, image, lifecycle=hook)
    sent = pod(
        main,
        annotations={"slurm-job.vk.io/flags": "--time=1"},
        terminationGracePeriodSeconds=10,
    )
    client.start(sent)
    status = client.wait_ended(sent, 80)
    assert exit_codes(status) == {"main": 9}
    state = app("main", status)["state"]["terminated"]
    assert state["reason"] == "DeadlineExceeded"
    assert "time limit" in state["message"]
    assert client.log(sent, "main") == "up\nhook\nterm\n"


def test_two_failures_then_success(client: Remembering, image: str) -> None:
    mounts, volumes = shared()
    script = "echo run >>/work/runs; echo $(wc -l </work/runs); [ $(wc -l </work/runs) = 3 ]"
    sent = pod(
        container("main", script, image, **mounts),
        annotations=HONOUR,
        restartPolicy="OnFailure",
        **volumes,
    )
    client.start(sent)
    status = client.wait_ended(sent, 60)
    assert exit_codes(status) == {"main": 0}
    assert app("main", status)["restartCount"] == 2
    assert client.log(sent, "main") == "3\n"
    assert client.log(sent, "main", Previous=True) == "2\n"


def test_a_sidecar_outlives_the_main_container(client: Remembering, image: str) -> None:
    mounts, volumes = shared()
    side = container(
        "side",
        "trap 'cat /work/main; echo side ends; exit 0' TERM; while :; do sleep 0.1; done",
        image,
        restartPolicy="Always",
        **mounts,
    )
    main = container("main", "sleep 2; echo main was here >/work/main; exit 4", image, **mounts)
    sent = pod(main, init=[side], **volumes)
    job = client.start(sent)
    status = client.wait_ended(sent, 40)
    assert exit_codes(status) == {"side": 0, "main": 4}
    until(lambda: client.log(sent, "side") == "main was here\nside ends\n", 10)
    until(lambda: job_field(job, "ExitCode") == "4:0", 20)


def test_a_restarted_container_that_is_deleted_leaves_nothing(
    client: Remembering, image: str
) -> None:
    sent = pod(
        container("main", "(sleep 300 &) ; exit 3", image),
        annotations=HONOUR,
        restartPolicy="Always",
    )
    client.start(sent)
    waiting = client.wait(
        sent,
        lambda s: app("main", s)["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff",
    )
    assert app("main", waiting)["restartCount"] >= 1
    begun = time.monotonic()
    client.delete(sent)
    until(lambda: not processes_of(client.sessions[0]), 20)
    assert time.monotonic() - begun < 15
    assert len(jobs_of(sent)) == 1


def test_killed_probes_and_containers_leave_no_helpers_of_the_runtime(
    client: Remembering, image: str
) -> None:
    # Apptainer serves its image by a process with a process group of its own.
    hanging = exec_probe("trap '' TERM; sleep 30", failureThreshold=100)
    main = container("main", "trap '' TERM; sleep 60; sleep 60", image, readinessProbe=hanging)
    sent = pod(main, terminationGracePeriodSeconds=1)
    client.start(sent)
    client.wait(
        sent,
        lambda s: "no answer" in str(app("main", s)["state"].get("waiting", {}).get("message")),
        30,
    )
    client.delete(sent)
    until(lambda: not processes_of(client.sessions[0]), 15)
