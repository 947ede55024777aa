"""A pod's life through what administrators, nodes and restarts do to its job."""

import json
import time
from typing import Any

import pytest

from tests.cluster.client import Client, container, exit_codes, pod
from tests.cluster.conftest import Daemons, job_field, jobs_of, slurm, until

pytestmark = pytest.mark.serial

FOLDER = "/var/lib/interlink/jobs"
OVER = ("CANCELLED", "COMPLETED", "FAILED", "")


def waiting(status: dict[str, Any]) -> bool:
    return all(c["state"].get("waiting") for c in status["containers"])


def state_of(job: str) -> str:
    return job_field(job, "JobState")


def directory_of(sent: dict[str, Any]) -> str:
    return f"{FOLDER}/{sent['metadata']['namespace']}-{sent['metadata']['uid']}"


def as_plugin(client: Client, image: str, script: str) -> str:
    """Run a shell script as the plugin's user, in a job of its own; returns what it printed."""
    helper = pod(
        container("main", "true", image),
        annotations={"slurm-job.vk.io/pre-exec": f"( {script}\n ) >/tmp/as-plugin 2>&1; :"},
    )
    helper["spec"]["containers"][0] = container(
        "main",
        "cat /mnt/as-plugin",
        image,
        volumeMounts=[{"name": "tmp", "mountPath": "/mnt"}],
    )
    helper["spec"]["volumes"] = [{"name": "tmp", "hostPath": {"path": "/tmp"}}]
    assert client.create(helper).status == 200
    assert exit_codes(client.wait_ended(helper, 90)) == {"main": 0}
    printed = client.log(helper, "main")
    client.delete(helper)
    return printed


def restart(client: Client, daemons: Daemons, *names: str) -> None:
    """Kill the plugin; end slurmctld properly, since a killed one forgets its last seconds."""
    for name in names:
        daemons.do("kill" if name == "plugin" else "stop", name)
    for name in reversed(names):
        daemons.do("start", name)
    until(lambda: client.request("GET", "/readyz").status == 200, 60)


def resume(node: str) -> None:
    """Let a node work again that was set down; its slurmd may have done so itself."""
    slurm("sudo", "/usr/bin/scontrol", "update", f"nodename={node}", "state=resume")
    until(
        lambda: slurm("sinfo", "-h", "-n", node, "-p", "normal", "-t", "idle,mix", "-o", "%n"), 60
    )


def nothing_is_ending(client: Client) -> bool:
    return bool(client.request("GET", "/system-info").json()["pods_ending"] == 0)


# What administrators and nodes do ---------------------------------------------------------


@pytest.mark.timeout(240)
def test_a_pod_outlives_the_failure_of_its_node(
    client: Client, image: str, daemons: Daemons
) -> None:
    script = 'echo "run $SLURM_RESTART_COUNT"; [ "$SLURM_RESTART_COUNT" = 1 ] || sleep 60'
    sent = pod(container("main", script, image))
    job = client.create(sent).json()["PodJID"]
    client.wait_running(sent)
    node = job_field(job, "NodeList")
    daemons.scontrol("update", f"nodename={node}", "state=down", "reason=test")
    try:
        status = client.wait(sent, waiting)
        assert status["containers"][0]["restartCount"] == 1
    finally:
        resume(node)
    until(lambda: state_of(job) == "PENDING", 60)
    daemons.scontrol("update", f"jobid={job}", "starttime=now")
    status = client.wait_ended(sent, 90)
    assert exit_codes(status) == {"main": 0}
    assert status["JID"] == job
    assert client.log(sent, "main") == "run 1\n"


def test_a_node_failure_without_requeue_is_the_pods_failure(
    client: Client, image: str, daemons: Daemons
) -> None:
    flags = {"slurm-job.vk.io/flags": "--time=10 --no-requeue"}
    sent = pod(container("main", "sleep 60", image), annotations=flags)
    job = client.create(sent).json()["PodJID"]
    client.wait_running(sent)
    node = job_field(job, "NodeList")
    daemons.scontrol("update", f"nodename={node}", "state=down", "reason=test")
    try:
        state = client.wait_ended(sent)["containers"][0]["state"]["terminated"]
    finally:
        resume(node)
    assert state["exitCode"] != 0
    assert f"job {job}" in state["message"]


def test_a_suspended_pod_goes_on_where_it_was(client: Client, image: str, daemons: Daemons) -> None:
    sent = pod(container("main", "sleep 4; exit 3", image))
    job = client.create(sent).json()["PodJID"]
    client.wait_running(sent)
    daemons.scontrol("suspend", job)
    assert state_of(job) == "SUSPENDED"
    asked_until = time.monotonic() + 8
    while time.monotonic() < asked_until:
        assert client.status(sent)["containers"][0]["state"].get("running")
        time.sleep(0.5)
    daemons.scontrol("resume", job)
    assert exit_codes(client.wait_ended(sent)) == {"main": 3}


def test_a_held_pod_waits_until_it_is_released(
    client: Client, image: str, daemons: Daemons
) -> None:
    flags = {"slurm-job.vk.io/flags": "--time=10 --hold"}
    sent = pod(container("main", "exit 6", image), annotations=flags)
    job = client.create(sent).json()["PodJID"]
    status = client.wait(
        sent, lambda s: "JobHeldUser" in s["containers"][0]["state"]["waiting"]["message"]
    )
    assert status["JID"] == job
    daemons.scontrol("release", job)
    assert exit_codes(client.wait_ended(sent)) == {"main": 6}


# Delete in every state --------------------------------------------------------------------


def held(client: Client, image: str, daemons: Daemons) -> tuple[dict[str, Any], str]:
    flags = {"slurm-job.vk.io/flags": "--time=10 --hold"}
    sent = pod(container("main", "sleep 60", image), annotations=flags)
    return sent, client.create(sent).json()["PodJID"]


def running(client: Client, image: str, daemons: Daemons) -> tuple[dict[str, Any], str]:
    sent = pod(container("main", "sleep 60", image))
    job = client.create(sent).json()["PodJID"]
    client.wait_running(sent)
    return sent, job


def suspended(client: Client, image: str, daemons: Daemons) -> tuple[dict[str, Any], str]:
    sent, job = running(client, image, daemons)
    daemons.scontrol("suspend", job)
    return sent, job


def requeued(client: Client, image: str, daemons: Daemons) -> tuple[dict[str, Any], str]:
    sent, job = running(client, image, daemons)
    daemons.scontrol("requeue", job)
    until(lambda: state_of(job) == "PENDING", 60)
    return sent, job


def configuring(client: Client, image: str, daemons: Daemons) -> tuple[dict[str, Any], str]:
    flags = {"slurm-job.vk.io/flags": "--time=10 --partition=slow"}
    sent = pod(container("main", "sleep 60", image), annotations=flags)
    job = client.create(sent).json()["PodJID"]
    until(lambda: state_of(job) == "CONFIGURING", 30)
    return sent, job


def ended(client: Client, image: str, daemons: Daemons) -> tuple[dict[str, Any], str]:
    sent = pod(container("main", "true", image))
    job = client.create(sent).json()["PodJID"]
    client.wait_ended(sent)
    return sent, job


@pytest.mark.timeout(180)
@pytest.mark.parametrize("state", [held, running, suspended, requeued, configuring, ended])
def test_a_delete_ends_the_job_and_a_later_create_starts_none(
    client: Client, image: str, daemons: Daemons, state: Any
) -> None:
    sent, job = state(client, image, daemons)
    assert client.delete(sent).status == 200
    assert client.delete(sent).status == 200
    until(lambda: state_of(job) in OVER, 60)
    until(lambda: nothing_is_ending(client), 60)
    assert client.create(sent).json()["PodJID"] == sent["metadata"]["uid"]
    assert jobs_of(sent) == [int(job)]
    assert client.log(sent, "main") == ""


def test_a_forced_delete_does_not_wait_for_the_earlier_ones_grace(
    client: Client, image: str
) -> None:
    sent = pod(
        container("main", "trap : TERM; echo up; while :; do sleep 1; done", image),
        terminationGracePeriodSeconds=120,
    )
    job = client.create(sent).json()["PodJID"]
    until(lambda: client.log(sent, "main") == "up\n", 60)  # from here on TERM does nothing
    assert client.delete(sent).status == 200
    time.sleep(3)
    assert state_of(job) == "RUNNING"
    sent["metadata"]["deletionGracePeriodSeconds"] = 0
    assert client.delete(sent).status == 200
    until(lambda: state_of(job) in OVER, 30)


# Restarts ---------------------------------------------------------------------------------


@pytest.mark.timeout(240)
@pytest.mark.parametrize("names", [("plugin",), ("slurmctld",), ("plugin", "slurmctld")])
def test_pods_outlive_restarts(
    client: Client, image: str, daemons: Daemons, names: tuple[str, ...]
) -> None:
    short = pod(container("main", "sleep 6; exit 5", image))
    long = pod(container("main", "sleep 100", image))
    flags = {"slurm-job.vk.io/flags": "--time=10 --hold"}
    late = pod(container("main", "exit 7", image), annotations=flags)
    jobs = [client.create(each).json()["PodJID"] for each in (short, long, late)]
    client.wait_running(short)
    client.wait_running(long)
    restart(client, daemons, *names)
    assert exit_codes(client.wait_ended(short, 120)) == {"main": 5}
    assert client.wait_running(long)["JID"] == jobs[1]
    daemons.scontrol("release", jobs[2])
    assert exit_codes(client.wait_ended(late)) == {"main": 7}
    client.delete(long)
    until(lambda: state_of(jobs[1]) in OVER, 60)


# Records and queue ------------------------------------------------------------------------


@pytest.mark.timeout(180)
def test_the_end_of_a_pod_is_stored_although_nobody_asked(
    client: Client, image: str, daemons: Daemons
) -> None:
    sent = pod(container("main", "exit 9", image))
    job = client.create(sent).json()["PodJID"]
    until(lambda: state_of(job) == "FAILED", 60)
    restart(client, daemons, "plugin")
    time.sleep(5)
    record = json.loads(as_plugin(client, image, f"cat {directory_of(sent)}/record.json"))
    assert record["final"]["containers"][0]["state"]["terminated"]["exitCode"] == 9


@pytest.mark.timeout(180)
def test_a_job_whose_record_was_lost_is_adopted(
    client: Client, image: str, daemons: Daemons
) -> None:
    sent, job = running(client, image, daemons)
    as_plugin(client, image, f"rm -r {directory_of(sent)}/record.json")
    restart(client, daemons, "plugin")
    status = client.wait_running(sent)
    assert status["JID"] == job
    assert client.delete(sent).status == 200
    until(lambda: state_of(job) in OVER, 60)


@pytest.mark.timeout(180)
def test_a_pod_with_a_damaged_record_can_be_deleted(
    client: Client, image: str, daemons: Daemons
) -> None:
    sent, job = running(client, image, daemons)
    as_plugin(client, image, f"echo '{{' >{directory_of(sent)}/record.json")
    restart(client, daemons, "plugin")
    assert client.request("GET", "/status", [sent]).status != 200
    assert client.delete(sent).status == 200
    until(lambda: state_of(job) in OVER, 60)
    until(lambda: nothing_is_ending(client), 60)


@pytest.mark.timeout(180)
def test_a_job_of_another_data_folder_is_left_alone(
    client: Client, image: str, daemons: Daemons
) -> None:
    theirs = pod()
    uid = theirs["metadata"]["uid"]
    submit = (
        f'env -i PATH="$PATH" sbatch --parsable -J {uid} -o /dev/null --wrap "sleep 300"'
        f' --comment "slurm-plugin pod tests/theirs {uid} in 0123456789ab"'
    )
    job = as_plugin(client, image, submit).strip()
    until(lambda: state_of(job) == "RUNNING", 30)
    restart(client, daemons, "plugin")
    assert client.delete(theirs).status == 200
    time.sleep(8)
    assert state_of(job) == "RUNNING"
    as_plugin(client, image, f"scancel {job}")


def test_a_second_plugin_on_the_data_folder_does_not_start(client: Client, image: str) -> None:
    second = "timeout 30 slurm-plugin serve --config /etc/interlink/SlurmConfig.yaml --port 4999"
    printed = as_plugin(client, image, f"{second} --errors-only; echo exit $?")
    assert "DataRootFolder" in printed
    assert "in use by another plugin (host " in printed
    assert printed.endswith("exit 2\n")


# The Go plugin's pods ---------------------------------------------------------------------


def go_pod(client: Client, image: str, script: str) -> tuple[dict[str, Any], str]:
    """A pod as the Go plugin leaves it: its directory, and its job by the pod's UID."""
    sent = pod(container("main", "as the Go plugin had it", image))
    uid, directory = sent["metadata"]["uid"], directory_of(sent)
    job = as_plugin(
        client,
        image,
        f"""mkdir {directory}; cd {directory}
        printf '#!/bin/bash\\n%s\\n' {json.dumps(script)} >job.slurm
        printf %s {uid} >PodUID.uid; printf %s tests >PodNamespace.ns
        printf '2026-07-20 09:16:00.123456789 +0000 UTC' >StartedAt.time
        env -i PATH="$PATH" sbatch --parsable -J {uid} -o {directory}/job.out job.slurm >id
        printf %s "$(<id)" >JobID.jid; cat id""",
    ).strip()
    assert job.isdecimal(), job
    return sent, job


@pytest.mark.timeout(180)
def test_a_running_pod_of_the_go_plugin_is_taken_over(client: Client, image: str) -> None:
    script = "echo hello >run-main.out; sleep 20; echo 4 >run-main.status; exit 4"
    sent, job = go_pod(client, image, script)
    assert client.create(sent).json()["PodJID"] == job
    assert client.wait_running(sent)["JID"] == job
    assert exit_codes(client.wait_ended(sent)) == {"main": 4}
    assert client.log(sent, "main") == "hello\n"
    assert jobs_of(sent) == [int(job)]
    client.delete(sent)


@pytest.mark.timeout(180)
def test_a_running_pod_of_the_go_plugin_can_be_deleted(
    client: Client, image: str, daemons: Daemons
) -> None:
    sent, job = go_pod(client, image, "sleep 300")
    until(lambda: state_of(job) == "RUNNING", 30)
    restart(client, daemons, "plugin")
    assert client.delete(sent).status == 200
    until(lambda: state_of(job) in OVER, 60)
    until(lambda: nothing_is_ending(client), 60)
