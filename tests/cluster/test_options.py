"""sbatch options of a pod, as `scontrol show job` tells them afterwards."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.client import Client, container, pod
from tests.cluster.conftest import Daemons, jobs_of, slurm, until


def held(image: str, flags: str, resources: Any = None, **more: Any) -> dict[str, Any]:
    """A pod whose job only waits."""
    return pod(
        container("main", "true", image, resources=resources or {}),
        annotations={"slurm-job.vk.io/flags": f"--time=5 --hold {flags}"},
        **more,
    )


@pytest.fixture
def shown(client: Client, image: str) -> Iterator[Any]:
    """Create a held pod; what `scontrol show job` says of it."""
    sent: list[dict[str, Any]] = []

    def show(flags: str, resources: Any = None, **more: Any) -> str:
        sent.append(held(image, flags, resources, **more))
        job = client.create(sent[-1]).json()["PodJID"]
        return slurm("scontrol", "show", "job", job)

    yield show
    for one in sent:
        client.delete(one)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("--nodes=2 --ntasks=8", [r"NumNodes=2(-2)?\s", r"NumTasks=8\s", r"NumCPUs=8\s"]),
        ("-N2 -n 8 -c2", [r"NumNodes=2(-2)?\s", r"NumTasks=8\s", r"CPUs/Task=2\s"]),
        ("--ntasks=8 --ntasks-per-node=4", [r"NumNodes=2\S*\s", r"NumTasks=8\s"]),
        ("--gres=gpu:a100:2", [r"TresPerNode=gres[:/]gpu[:/]a100:2\s"]),
        ("--gpus=2", [r"TresPerJob=gres[:/]gpu:2\s"]),
        ("--exclusive", [r"OverSubscribe=NO Contiguous|Exclusive=NODE\s"]),
        ("--mail-type=END,FAIL --mail-user=x@example.org", [r"MailUser=x@example.org", "END,FAIL"]),
        ("--hint=nomultithread", [r"ReqB:S:C:T=0:0:\*:1\s"]),
        ("--qos=small --account=science", [r"QOS=small\s", r"Account=science\s"]),
        ("--begin=now+1hour", [r"EligibleTime=20\d\d"]),
        ("--mem-per-cpu=100M", [r"MinMemoryCPU=100M\s"]),
        ("--exclude=n1,n2", [r"ExcNodeList=n\[1-2\]|ExcNodeList=n1,n2"]),
        ("-w n3", [r"ReqNodeList=n3\s"]),
        ("--time-min=2", [r"TimeMin=00:02:00\s"]),
        ("--no-requeue", [r"Requeue=0\s"]),
    ],
)
def test_flags_of_the_annotation(shown: Any, flags: str, expected: list[str]) -> None:
    job = shown(flags) + "\n"
    for pattern in expected:
        assert re.search(pattern, job), (pattern, job)


def test_a_dependency(client: Client, shown: Any) -> None:
    first = re.search(r"JobId=(\d+)", shown(""))
    assert first
    job = shown(f"--dependency=afterok:{first[1]}")
    assert f"Dependency=afterok:{first[1]}" in job


@pytest.fixture
def features(daemons: Daemons) -> Iterator[None]:
    daemons.scontrol("update", "NodeName=n1", "AvailableFeatures=a,b", "ActiveFeatures=a,b")
    yield
    daemons.scontrol("update", "NodeName=n1", "AvailableFeatures=", "ActiveFeatures=")


@pytest.mark.usefixtures("features")
def test_a_constraint(shown: Any) -> None:
    assert "Features=a&b " in shown("--constraint='a&b'")


def test_an_unknown_constraint_is_refused(client: Client, image: str) -> None:
    sent = held(image, "--constraint=nosuch")
    answer = client.create(sent)
    assert answer.status == 422
    assert "nvalid feature specification" in answer.text
    assert jobs_of(sent) == []


@pytest.fixture
def reservation(daemons: Daemons) -> Iterator[str]:
    name = f"test{uuid.uuid4().hex[:8]}"
    what = ("StartTime=now", "Duration=5", "Nodes=n3", "Flags=ignore_jobs")
    daemons.scontrol("create", "reservation", f"ReservationName={name}", "Users=interlink", *what)
    yield name
    until(lambda: not slurm("squeue", "-h", f"--reservation={name}"), 20)
    daemons.scontrol("delete", f"ReservationName={name}")


def test_a_reservation(reservation: str, shown: Any) -> None:
    assert f"Reservation={reservation}\n" in shown(f"--reservation={reservation}") + "\n"


@pytest.mark.parametrize(
    ("limits", "flags", "expected"),
    [
        ({"nvidia.com/gpu": "2"}, "", [r"TresPerNode=gres[:/]gpu:2\s"]),
        ({"amd.com/gpu": 1}, "", [r"TresPerNode=gres[:/]gpu:1\s"]),
        ({"nvidia.com/gpu": "1"}, "--gres=gpu:a100:1", [r"TresPerNode=gres[:/]gpu[:/]a100:1\s"]),
        ({"cpu": "2500m"}, "--cpus-per-task=7", [r"CPUs/Task=3\s"]),
        ({"memory": "100000001"}, "--mem=1G", [r"MinMemoryNode=96M\s"]),
        ({"memory": "1"}, "", [r"MinMemoryNode=1M\s"]),
        ({}, "", [r"MinMemoryCPU=64M\s", r"NumCPUs=1\s"]),
        ({"ephemeral-storage": "0"}, "", [r"MinTmpDiskNode=0\s"]),
    ],
)
def test_limits_become_options(
    shown: Any, limits: dict[str, Any], flags: str, expected: list[str]
) -> None:
    job = shown(flags, {"limits": limits}) + "\n"
    for pattern in expected:
        assert re.search(pattern, job), (pattern, job)


def test_the_deadline_is_a_time_limit_but_never_a_longer_one(shown: Any) -> None:
    assert "TimeLimit=00:02:00 " in shown("", activeDeadlineSeconds=61)
    assert "TimeLimit=00:05:00 " in shown("", activeDeadlineSeconds=86400)


@pytest.mark.parametrize(
    "flags",
    [
        "--uid=0",
        "--gid=0",
        "--output=/tmp/x",
        "-o/tmp/x",
        "--error=/tmp/x",
        "--chdir=/",
        "-D/",
        "--job-name=x",
        "-Jx",
        "--comment=x",
        "--wrap=id",
        "--array=1-3",
        "-a1",
        "--parsable",
        "--test-only",
        "--export=ALL",
        "--nosuch",
        "--ntasks",
        "-n",
        "script.sh",
        "'--time=1",
        "--nodelist=/etc/passwd",
        "--partition=help",
    ],
)
def test_what_is_not_the_users_to_set_is_refused(client: Client, image: str, flags: str) -> None:
    sent = held(image, flags)
    answer = client.create(sent)
    assert 400 <= answer.status < 500, answer.text
    assert answer.text.startswith("annotation slurm-job.vk.io/flags: ")
    assert len(answer.text.strip().splitlines()) == 1
    assert jobs_of(sent) == []
