"""What a pod may say besides options, volumes and images, run for real."""

import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.client import Client, container, create_request, exit_codes, pod
from tests.cluster.conftest import jobs_of, slurm, until


def run(client: Client, sent: dict[str, Any], **more: Any) -> str:
    """Run a pod to its end; the log of its container `main`."""
    client.create(sent, **more).json()
    codes = exit_codes(client.wait_ended(sent))
    log = client.log(sent, "main")
    assert codes["main"] == 0, log
    return log


def test_references_are_expanded_in_command_args_and_environment(
    client: Client, image: str
) -> None:
    env = [
        {"name": "A", "value": "one two"},
        {"name": "B", "value": "$(A)-$$(A)-$(NOSUCH)-$A"},
    ]
    sent = pod(
        {
            "name": "main",
            "image": image,
            "command": ["printf", "%s|"],
            "args": ["$(A)", "$(B)", "$$(A)", "$(NOSUCH)", "`id`", "$A", "", "a'b\"\n"],
            "env": env,
        }
    )
    b = "one two-$(A)-$(NOSUCH)-$A"
    assert run(client, sent) == f"one two|{b}|$(A)|$(NOSUCH)|`id`|$A||a'b\"\n|"


def test_a_hundred_kilobytes_in_a_variable(client: Client, image: str) -> None:
    value = "".join(chr(33 + n % 90) for n in range(100_000))
    env = [{"name": "BIG", "value": value}]
    sent = pod(container("main", 'printf "%s" "$BIG" | wc -c', image, env=env))
    assert run(client, sent).strip() == "100000"


def test_the_environment_holds_slurm_and_pod_ip_and_nothing_of_the_service(
    client: Client, image: str
) -> None:
    sent = pod(container("main", "env", image), annotations={"interlink.eu/pod-ip": "10.7.8.9"})
    log = run(client, sent)
    assert "POD_IP=10.7.8.9\n" in log
    assert f"SLURM_JOB_ID={jobs_of(sent)[0]}\n" in log
    assert "SHARED_FS" not in log
    assert not re.search(r"^sp_", log, re.MULTILINE)


def test_the_working_directory(client: Client, image: str) -> None:
    sent = pod(container("main", "pwd", image, workingDir="/var/tmp"))
    assert run(client, sent) == "/var/tmp\n"


def test_a_sidecar_runs_beside_the_others_and_ends_with_them(client: Client, image: str) -> None:
    mounts = {"volumeMounts": [{"name": "v", "mountPath": "/work"}]}
    side = container(
        "side", "echo up >/work/up; sleep 300", image, restartPolicy="Always", **mounts
    )
    sent = pod(
        container("main", "cat /work/up", image, **mounts),
        init=[
            side,
            container("after", "until [ -e /work/up ]; do sleep 0.1; done", image, **mounts),
        ],
        volumes=[{"name": "v", "emptyDir": {}}],
    )
    assert run(client, sent) == "up\n"
    until(lambda: slurm("squeue", "-h", f"--name={sent['metadata']['uid']}") == "", 20)


def test_a_flavor_gives_options_and_defaults(client: Client, image: str) -> None:
    sent = pod(
        container("main", "true", image, resources={"limits": {"cpu": "1"}}),
        annotations={
            "slurm-job.vk.io/flavor": "small",
            "slurm-job.vk.io/flags": "--time=5 --hold --qos=normal",
        },
    )
    job = slurm("scontrol", "show", "job", client.create(sent).json()["PodJID"])
    client.delete(sent)
    assert "Nice=7 " in job
    assert "MinMemoryNode=200M " in job  # the flavor's default
    assert "CPUs/Task=1 " in job  # the pod's limit wins
    assert "QOS=normal\n" in job + "\n"  # the annotation wins


def test_tasks_are_launched_on_all_nodes(client: Client, image: str) -> None:
    script = 'echo "rank $SLURM_PROCID of $SLURM_NTASKS on $SLURMD_NODENAME $VALUE"'
    sent = pod(
        container("main", script, image, env=[{"name": "VALUE", "value": "a  $x'"}]),
        annotations={
            "slurm-job.vk.io/flags": "--time=5 --nodes=2 --ntasks=4 --ntasks-per-node=2",
            "slurm-job.vk.io/mpi-flags": "--kill-on-bad-exit=1 --input=none",
            "slurm-job.vk.io/launcher": "srun",
        },
    )
    lines = run(client, sent).splitlines()
    found = [re.fullmatch(r"rank (\d) of 4 on (n\d) a  \$x'", line) for line in lines]
    ranks = sorted(match[1] for match in found if match)
    nodes = {match[2] for match in found if match}
    assert (ranks, len(nodes), len(lines)) == (["0", "1", "2", "3"], 2, 4), lines


def test_the_exit_code_of_a_launched_task_is_the_pods(client: Client, image: str) -> None:
    sent = pod(
        container("main", 'exit "$SLURM_PROCID"', image),
        annotations={
            "slurm-job.vk.io/flags": "--time=5 --ntasks=2",
            "slurm-job.vk.io/mpi-flags": "",
            "slurm-job.vk.io/launcher": "srun",
        },
    )
    client.create(sent).json()
    assert exit_codes(client.wait_ended(sent)) == {"main": 1}


def test_shell_text_runs_before_the_containers(client: Client, image: str) -> None:
    sent = pod(
        container("main", "cat /work/x", image, volumeMounts=[{"name": "v", "mountPath": "/work"}]),
        annotations={"slurm-job.vk.io/pre-exec": 'echo "from $(uname)" >$SANDBOX/emptyDirs/v/x'},
        volumes=[{"name": "v", "emptyDir": {}}],
    )
    assert run(client, sent) == "from Linux\n"


def test_the_clients_own_script_replaces_the_generated_one(client: Client, image: str) -> None:
    sent = pod(container("main", "echo generated", image))
    request = create_request(sent) | {
        "jobScript": '#!/bin/bash\necho "job $SLURM_JOB_ID"\nexit 6\n'
    }
    job = client.request("POST", "/create", request).json()["PodJID"]
    assert exit_codes(client.wait_ended(sent)) == {"main": 6}
    assert client.log(sent, "main") == f"job {job}\n"


def test_what_has_no_effect_is_told(client: Client, image: str) -> None:
    sent = pod(
        container("main", "true", image, tty=True),
        init=[container("init", "exit 1", image)],
        annotations={"slurm-job.vk.io/flag": "--time=1"},
        securityContext={"runAsUser": 12345},
        priorityClassName="high",
    )
    client.create(sent).json()
    client.wait_ended(sent)
    # A container that never started shows SLURM's own output.
    log = client.log(sent, "main")
    for words in ("did you mean slurm-job.vk.io/flags?", "tty", "priorityClassName", "12345"):
        assert words in log, log


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (
            {"resources": {"limits": {"memory": "12Zi"}}},
            "spec.containers[0].resources.limits.memory",
        ),
        ({"image": "-x"}, "spec.containers[0].image"),
        ({"name": "a/../b"}, "spec.containers[0].name"),
        ({"env": [{"name": "A", "value": "\0"}]}, "spec.containers[0].env[0].value"),
        ({"workingDir": "../x"}, "spec.containers[0].workingDir"),
        ({"imagePullPolicy": "Odd"}, "spec.containers[0].imagePullPolicy"),
        ({"args": ["x" * 200_000]}, "spec.containers[0].args[0]"),
    ],
)
def test_a_pod_that_cant_be_translated_names_the_field(
    client: Client, image: str, change: dict[str, Any], field: str
) -> None:
    sent = pod(container("main", "true", image) | change)
    answer = client.create(sent)
    assert 400 <= answer.status < 500
    assert field in answer.text
    assert jobs_of(sent) == []


def hostile_values(canary: str) -> list[str]:
    touch = f"touch {canary}"
    return [
        f"$({touch})",
        f"`{touch}`",
        f"'; {touch}; '",
        f'"; {touch}; "',
        f"a\n{touch}\n",
        f"; {touch} #",
        f"&& {touch}",
        f"a\nsp_end_of_file\n{touch}\n",
        f"\\'$({touch})\\\"",
        f"${{IFS@P}}$({touch})",
        f"--{touch}",
        f"x[$({touch})]",
    ]


def test_hostile_values_run_nothing(client: Client, image: str) -> None:
    canary = f"/tmp/canary-{uuid.uuid4()}"
    sent = []
    for value in hostile_values(canary):
        one = pod(
            {
                "name": "main",
                "image": image,
                "command": ["printf", "%s"],
                "args": [value],
                "env": [{"name": "VALUE", "value": value}],
                "volumeMounts": [{"name": "v", "mountPath": "/data"}],
            },
            annotations={"interlink.eu/pod-ip": value, "slurm-job.vk.io/unknown": value},
            volumes=[{"name": "v", "configMap": {"name": "cm"}}],
            hostname=value,
            priorityClassName=value,
        )
        one["metadata"]["labels"] = {"l": value}
        content = {"metadata": {"name": "cm"}, "data": {"key": value}}
        client.create(one, main={"configMaps": [content]}).json()
        sent.append((value, one))
    for value, one in sent:
        assert exit_codes(client.wait_ended(one)) == {"main": 0}, client.log(one, "main")
        assert client.log(one, "main") == value
        client.delete(one)
    assert not Path(canary).exists()
    # The canary would be seen: shell text by contract makes it.
    shell = pod(
        container("main", "true", image),
        annotations={"slurm-job.vk.io/pre-exec": hostile_values(canary)[0]},
    )
    client.create(shell).json()
    client.wait_ended(shell)
    assert Path(canary).exists()


FIELDS = [
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.hostname", "spec.restartPolicy",
    "spec.containers.0.name", "spec.containers.0.image", "spec.containers.0.workingDir",
    "spec.containers.0.imagePullPolicy", "spec.containers.0.env.0.name",
    "spec.containers.0.volumeMounts.0.name", "spec.containers.0.volumeMounts.0.mountPath",
    "spec.containers.0.volumeMounts.0.subPath", "spec.volumes.0.name",
    "spec.volumes.0.configMap.name", "spec.volumes.0.configMap.items.0.path",
    "spec.containers.0.resources.limits.cpu", "metadata.annotations.slurm-job/vk/io/flags",
    "metadata.annotations.slurm-job/vk/io/mpi-flags",
    "metadata.annotations.slurm-job/vk/io/launcher",
]  # fmt: skip


def set_field(target: Any, field: str, value: str) -> None:
    *parents, last = field.split(".")
    for key in parents:
        target = target[int(key)] if isinstance(target, list) else target[key]
    target[last.replace("/vk/io", ".vk.io")] = value


@pytest.mark.parametrize("field", FIELDS)
def test_a_hostile_value_in_any_field_runs_nothing(client: Client, image: str, field: str) -> None:
    canary = f"/tmp/canary-{uuid.uuid4()}"
    created = []
    for value in hostile_values(canary):
        mount = {"name": "v", "mountPath": "/data", "subPath": "key"}
        main = container("main", "true", image, volumeMounts=[mount])
        main |= {"env": [{"name": "A", "value": "a"}], "resources": {"limits": {"cpu": "1"}}}
        items = [{"key": "key", "path": "key"}]
        one = pod(main, volumes=[{"name": "v", "configMap": {"name": "cm", "items": items}}])
        set_field(one, field, value)
        content = {"metadata": {"name": "cm"}, "data": {"key": value}}
        request = create_request(one)
        request["container"][0]["configMaps"] = [content]
        answer = client.request("POST", "/create", request)
        assert answer.status < 500, (value, answer.text)
        if answer.status == 200:
            created.append(one)
    for one in created:
        client.wait_ended(one)
        client.delete(one)
    assert not Path(canary).exists()
