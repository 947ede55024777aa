"""Mutated create requests: never a 5xx, never a leftover, never a command that runs.

`FUZZ_REQUESTS` sets their number, `FUZZ_SEED` repeats a run.
"""

import contextlib
import copy
import http.client
import json
import os
import random
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.client import PORT, Client
from tests.cluster.conftest import SERVICE, slurm, until

SAMPLES = [
    json.loads(path.read_text())
    for path in sorted((Path(__file__).parents[1] / "data").glob("create_*.json"))
]
REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "3000"))
SEED = os.environ.get("FUZZ_SEED") or uuid.uuid4().hex
FOLDER = Path("/var/lib/interlink/jobs")
GROWTH_MIB = 24
_TRIES_AFTER = 60.0


@pytest.fixture
def connection() -> Iterator[http.client.HTTPConnection]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)) as one:
        yield one


def values(canary: str) -> list[Any]:
    touch = f"touch {canary}"
    return [
        None, True, False, 0, -1, 2**31, 2**63, 2**70, 1.5, 1e300, "", " ", "\0", "é", "\u202e",
        "../../etc", "/", "/etc/passwd", "..", "~", "a" * 300, "a" * 70_000, f"$({touch})",
        f"`{touch}`", f"'; {touch}; '", f'"; {touch}; "', f"a\n{touch}\n", f"; {touch} #",
        f"sp_end_of_file\n{touch}\n", "--wrap=id", "--uid=0", "12Zi", "9e99", "-1", "NaN",
        "Always", "Never", "default", [], {}, [None], [[]], {"": None}, {"a": {"b": []}},
    ]  # fmt: skip


def enriched(sample: dict[str, Any], image: str) -> dict[str, Any]:
    """A sample with more to mutate; its job is held, so that it does not run."""
    request = copy.deepcopy(sample[0] if isinstance(sample, list) else sample)
    flags = {"slurm-job.vk.io/flags": "--hold --time=1", "slurm-job.vk.io/mpi-flags": "-v"}
    metadata, spec = request["pod"]["metadata"], request["pod"]["spec"]
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **flags}
    metadata["uid"] = str(uuid.uuid4())
    first = spec["containers"][0]
    first.update(
        image=image,
        command=["true"],
        args=["x"],
        workingDir="/tmp",
        env=[{"name": "A", "value": "$(B)"}],
        volumeMounts=[
            {"name": "fuzz-c", "mountPath": "/data", "subPath": "k"},
            {"name": "fuzz-h", "mountPath": "/mnt", "readOnly": True},
        ],
        resources={"limits": {"cpu": "1", "memory": "10Mi", "nvidia.com/gpu": "1"}},
        livenessProbe={"httpGet": {"port": 80, "path": "/"}, "periodSeconds": 5},
        lifecycle={"preStop": {"exec": {"command": ["true"]}}},
        securityContext={"runAsUser": 2000},
    )
    items = [{"key": "k", "path": "k", "mode": 0o600}]
    spec["volumes"] = [
        *(spec.get("volumes") or []),
        {"name": "fuzz-c", "configMap": {"name": "c", "items": items, "defaultMode": 0o644}},
        {"name": "fuzz-h", "hostPath": {"path": "/tmp", "type": "Directory"}},
    ]
    spec.update(activeDeadlineSeconds=600, terminationGracePeriodSeconds=3, hostname="h")
    content = {"metadata": {"name": "c"}, "data": {"k": "v"}, "binaryData": {"b": "eA=="}}
    request["container"][0]["configMaps"] = [content]
    return request


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything inside."""
    keys: Any = ()
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = range(len(value))
    return [path, *(place for key in keys for place in places(value[key], (*path, key)))]


def mutate(request: Any, chance: random.Random, hostile: list[Any]) -> None:
    path = chance.choice(places(request)[1:])
    target = request
    for key in path[:-1]:
        target = target[key]
    how = chance.random()
    if how < 0.1:
        del target[path[-1]]
    elif how < 0.2 and isinstance(target, list):
        target.append(copy.deepcopy(target[path[-1]]))
    elif how < 0.3 and isinstance(target, dict):
        target[chance.choice(["", "x", "a.b", "../x", "\n"])] = target.pop(path[-1])
    else:
        target[path[-1]] = copy.deepcopy(chance.choice(hostile))


def damaged(body: bytes, chance: random.Random) -> bytes:
    """Bytes that are no JSON any more, mostly."""
    place = chance.randrange(len(body))
    if chance.random() < 0.5:
        return body[:place]
    return body[:place] + bytes([chance.randrange(256)]) + body[place + 1 :]


def post(connection: http.client.HTTPConnection, path: str, body: bytes) -> tuple[int, str]:
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def resident_mib() -> float:
    pid = slurm("sudo", SERVICE, "pid", "plugin")
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def identity(request: Any) -> tuple[str, str]:
    """Namespace and UID, as far as they can name a directory."""
    try:
        metadata = request["pod"]["metadata"]
        namespace, uid = metadata["namespace"], metadata["uid"]
    except (KeyError, TypeError):
        return "", ""
    plain = isinstance(namespace, str) and isinstance(uid, str) and "\0" not in namespace + uid
    return (namespace, uid) if plain and len(namespace) < 64 and len(uid) < 64 else ("", "")


@pytest.mark.timeout(REQUESTS * 0.3 + 120)
def test_mutated_requests_leave_nothing(
    client: Client, image: str, connection: http.client.HTTPConnection
) -> None:
    chance = random.Random(SEED)
    canary = f"/tmp/canary-{uuid.uuid4()}"
    hostile = values(canary)
    accepted: list[str] = []
    before = 0.0
    for number in range(REQUESTS):
        if number == REQUESTS // 4:  # caches are warm by then
            before = resident_mib()
        request = enriched(chance.choice(SAMPLES), image)
        for _ in range(chance.choice([1, 1, 2, 3])):
            mutate(request, chance, hostile)
        body = json.dumps(request).encode()
        if chance.random() < 0.05:
            body = damaged(body, chance)
        status, text = post(connection, "/create", body)
        context = (SEED, number, status, text[:300], body[:3000])
        assert status < 500, context
        namespace, uid = identity(request)
        if status != 200:
            assert len(text) < 1000, context
            assert len(text.strip().splitlines()) == 1, context
            assert not uid or not (FOLDER / f"{namespace}-{uid}").exists(), context
            continue
        accepted.append(json.loads(text)["PodUID"])
        deleted = request["pod"] if uid == accepted[-1] else json.loads(body)["pod"]
        assert post(connection, "/delete", json.dumps(deleted).encode())[0] == 200, context
    growth = resident_mib() - before
    assert len(accepted) > REQUESTS // 10
    assert len(accepted) < REQUESTS
    until(lambda: left_jobs(accepted) == [], _TRIES_AFTER)
    until(lambda: not any((FOLDER / f"default-{uid}").exists() for uid in accepted), _TRIES_AFTER)
    assert not Path(canary).exists()
    assert growth < GROWTH_MIB, f"{growth:.1f} MiB more after {REQUESTS} requests"
    assert client.request("GET", "/healthz").status == 200


def left_jobs(uids: list[str]) -> list[str]:
    """Names of jobs that are still to run or running."""
    listed = slurm("squeue", "-h", "-a", "-o", "%j").splitlines()
    return sorted(set(uids).intersection(listed))


def test_bodies_that_are_no_request(client: Client, connection: http.client.HTTPConnection) -> None:
    for body in (b"", b"null", b"[]", b"[[]]", b'"x"', b"1", b"{}", b"\xff\xfe", b"[" * 100_000):
        begun = time.monotonic()
        status, text = post(connection, "/create", body)
        assert 400 <= status < 500, (body[:20], text)
        assert time.monotonic() - begun < 5
    assert client.request("GET", "/healthz").status == 200
