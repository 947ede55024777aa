"""Pods through the plugin's HTTP interface on a real SLURM."""

import json
from typing import Any

import pytest

from tests.cluster.client import Client, container, ended, exit_codes, pod
from tests.cluster.conftest import job_field, jobs_of, slurm, until


def test_a_pod_runs_its_init_container_and_both_containers(client: Client, image: str) -> None:
    mount = {"volumeMounts": [{"name": "work", "mountPath": "/work"}]}
    sent = pod(
        container("first", "cat /work/message; echo error >&2", image, **mount),
        container("second", "echo second; sleep 1", image, **mount),
        init=[container("prepare", "echo prepared >/work/message", image, **mount)],
        volumes=[{"name": "work", "emptyDir": {}}],
    )
    created = client.create(sent).json()
    assert created["PodUID"] == sent["metadata"]["uid"]
    status = client.wait_ended(sent)
    assert exit_codes(status) == {"prepare": 0, "first": 0, "second": 0}
    assert status["JID"] == created["PodJID"] == str(jobs_of(sent)[0])
    assert client.log(sent, "first") == "prepared\nerror\n"
    assert client.log(sent, "second") == "second\n"
    for state in (c["state"]["terminated"] for c in status["containers"]):
        assert state["reason"] == "Completed"
        assert state["startedAt"] <= state["finishedAt"]


def test_the_failing_container_fails_and_the_others_tell_their_own_end(
    client: Client, image: str
) -> None:
    sent = pod(container("good", "exit 0", image), container("bad", "exit 42", image))
    client.create(sent).json()
    status = client.wait_ended(sent)
    assert exit_codes(status) == {"good": 0, "bad": 42}
    until(lambda: job_field(status["JID"], "ExitCode") == "42:0", 20)


def test_after_a_failed_init_container_everything_is_terminated(client: Client, image: str) -> None:
    sent = pod(
        container("main", "echo must not run", image),
        init=[container("one", "exit 3", image), container("two", "echo never", image)],
    )
    client.create(sent).json()
    codes = exit_codes(client.wait_ended(sent))
    assert codes["one"] == 3
    assert codes["main"] != 0
    assert client.log(sent, "main") == ""


@pytest.mark.parametrize(
    "value", ["two words", "quotes \" ' `id` $(id) $HOME \\ \\n", "a\nb\n", "", "=x=", "é—"]
)
def test_environment_arrives_byte_for_byte(client: Client, image: str, value: str) -> None:
    env = [{"name": "VALUE", "value": value}]
    sent = pod(container("main", 'printf "<%s>" "$VALUE"', image, env=env))
    client.create(sent).json()
    client.wait_ended(sent)
    assert client.log(sent, "main") == f"<{value}>"


def test_cpu_memory_and_flags_reach_slurm(client: Client, image: str) -> None:
    resources = {"limits": {"cpu": "1500m", "memory": "100Mi"}}
    sent = pod(
        container("main", "sleep 30", image, resources=resources),
        annotations={"slurm-job.vk.io/flags": "--time=7 --nice=5 --gres=gpu:a100:1"},
    )
    job = client.create(sent).json()["PodJID"]
    assert job_field(job, "TimeLimit") == "00:07:00"
    assert job_field(job, "Nice") == "5"
    assert job_field(job, "NumCPUs") == "2"
    # 22.05 shows TRES where later releases show ReqTRES.
    assert "mem=100M" in (job_field(job, "ReqTRES") or job_field(job, "TRES"))
    assert job_field(job, "TresPerNode").replace("gres/", "gres:") == "gres:gpu:a100:1"
    client.delete(sent)


def test_a_running_pod_is_deleted_with_its_job_and_files(client: Client, image: str) -> None:
    script = "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.2; done"
    sent = pod(container("main", script, image))
    job = client.create(sent).json()["PodJID"]
    client.wait_running(sent)
    until(lambda: client.log(sent, "main") == "up\n", 20)
    assert client.delete(sent).status == 200
    until(lambda: job_field(job, "JobState") in ("FAILED", "CANCELLED", "COMPLETED"), 30)
    until(lambda: client.log(sent, "main") == "", 30)
    assert client.delete(sent).status == 200


def test_a_pending_pod_says_why_and_is_cancelled(client: Client, image: str) -> None:
    sent = pod(
        container("main", "sleep 30", image),
        annotations={"slurm-job.vk.io/flags": "--time=5 --hold"},
    )
    job = client.create(sent).json()["PodJID"]
    status = client.wait(sent, lambda s: "JobHeldUser" in json.dumps(s))
    assert status["containers"][0]["state"]["waiting"]["message"].startswith("Pending: JobHeldUser")
    client.delete(sent)
    until(lambda: job_field(job, "JobState") == "CANCELLED", 20)


def test_what_slurm_refuses_is_refused_in_its_words(client: Client, image: str) -> None:
    sent = pod(
        container("main", "true", image),
        annotations={"slurm-job.vk.io/flags": "--partition=nosuch"},
    )
    answer = client.create(sent)
    assert answer.status == 422
    assert "nvalid partition name" in answer.text
    assert jobs_of(sent) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"metadata": {"uid": "../../etc"}}, "metadata.uid"),
        ({"metadata": {"namespace": "a/b"}}, "metadata.namespace"),
        ({"spec": {"containers": []}}, "spec.containers"),
    ],
)
def test_bad_requests_name_the_field_and_leave_nothing(
    client: Client, image: str, change: dict[str, Any], field: str
) -> None:
    sent = pod(container("main", "true", image))
    for part, values in change.items():
        sent[part].update(values)
    answer = client.create(sent)
    assert 400 <= answer.status < 500
    assert field in answer.text
    assert "\n" not in answer.text.strip()


def test_the_same_create_twice_is_one_job(client: Client, image: str) -> None:
    sent = pod(container("main", "sleep 5", image))
    first = client.create(sent).json()
    assert client.create(sent).json() == first
    assert len(jobs_of(sent)) == 1
    client.delete(sent)


def test_a_requeued_pod_waits_again_and_runs_again(client: Client, image: str) -> None:
    sent = pod(container("main", "echo run $SLURM_RESTART_COUNT; sleep 60", image))
    job = client.create(sent).json()["PodJID"]
    client.wait_running(sent)
    slurm("sudo", "/usr/bin/scontrol", "requeue", job)
    status = client.wait(sent, lambda s: bool(s["containers"][0]["state"].get("waiting")))
    assert status["containers"][0]["restartCount"] == 1
    until(lambda: job_field(job, "JobState") == "PENDING", 20)
    # SLURM waits two minutes before it starts a requeued job again.
    slurm("sudo", "/usr/bin/scontrol", "update", f"jobid={job}", "starttime=now")
    client.wait_running(sent, seconds=90)
    until(lambda: client.log(sent, "main") == "run 1\n", 20)
    client.delete(sent)


def test_a_pod_cancelled_by_an_administrator_failed_and_says_so(client: Client, image: str) -> None:
    sent = pod(container("main", "sleep 60", image))
    job = client.create(sent).json()["PodJID"]
    client.wait_running(sent)
    slurm("sudo", "/usr/bin/scancel", job)
    state = client.wait_ended(sent)["containers"][0]["state"]["terminated"]
    assert state["exitCode"] != 0
    assert state["reason"] == "Cancelled"
    assert f"(job {job})" in state["message"]


def test_logs_of_unknown_pods_are_empty_and_bad_names_refused(client: Client, image: str) -> None:
    sent = pod(container("main", "true", image))
    assert client.log(sent, "main") == ""
    bad = client.request(
        "GET", "/getLogs", {"Namespace": "../x", "PodUID": "y", "ContainerName": "z"}
    )
    assert 400 <= bad.status < 500


def test_the_ping_tells_the_clusters_size(client: Client) -> None:
    def told() -> bool:
        ping = client.request("GET", "/status", []).json()
        return ping["status"] == "ok" and bool(ping.get("resources"))

    until(told, 40)
    resources = client.request("GET", "/status", []).json()["resources"]
    assert resources["cpu"] == "24"
    assert resources["memory"] == "12000Mi"
    assert {"resourceType": "nvidia.com/gpu", "available": "6"} in resources["accelerators"]


def test_system_info_names_the_backend(client: Client) -> None:
    info = client.request("GET", "/system-info").json()
    assert info["slurm_connected"] is True
    assert info["backend"] in ("pyslurm", "commands")


@pytest.mark.timeout(200)
def test_a_time_limit_is_told_with_its_story(client: Client, image: str) -> None:
    sent = pod(
        container("main", "sleep 600", image),
        annotations={"slurm-job.vk.io/flags": "--time=1"},
    )
    client.create(sent).json()
    status = client.wait(sent, ended, seconds=180)
    state = status["containers"][0]["state"]["terminated"]
    assert state["exitCode"] != 0
    assert state["reason"] == "DeadlineExceeded"
    # The job's own supervisor ends the containers just before SLURM would.
    assert "the time limit of the job is reached" in state["message"]
