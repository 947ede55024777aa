"""A plugin that runs as root, for pods of many users, without a file system shared with the nodes.

It is a second plugin beside the cluster's own (`cluster-service start plugin-root`); alice and bob
are the users 1001 and 1002; the flavor and claim are in docker/SlurmConfig.root.yaml.
"""

import base64
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.client import Client, container, exit_codes, pod
from tests.cluster.conftest import SERVICE, job_field, jobs_of, until

PORT = 4100
JOBS = Path("/var/lib/interlink-root/jobs")
ALICE, BOB = 1001, 1002
ALICES = {"runAsUser": ALICE}

# One plugin for all of these tests: whoever starts and stops it runs alone.
pytestmark = [pytest.mark.serial, pytest.mark.usefixtures("root_plugin")]


@pytest.fixture(scope="module")
def root_plugin() -> Iterator[None]:
    """The plugin of root runs, and clients speak to it."""

    def do(action: str) -> None:
        argv = ["sudo", SERVICE, action, "plugin-root"]
        subprocess.run(argv, check=True, capture_output=True, timeout=60)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.cluster.client.PORT", PORT)
        do("start")
        try:
            until(lambda: Client().request("GET", "/readyz").status == 200, 60)
            yield
        finally:
            do("stop")


def directory(sent: dict[str, Any]) -> Path:
    return JOBS / f"{sent['metadata']['namespace']}-{sent['metadata']['uid']}"


def log_of(client: Client, sent: dict[str, Any], **data: Any) -> str:
    """Run a pod of one container `main` to its good end; its log."""
    client.create(sent, **data).json()
    codes = exit_codes(client.wait_ended(sent))
    log = client.log(sent, "main")
    assert codes["main"] == 0, log
    return log


def refused(client: Client, sent: dict[str, Any], **data: Any) -> str:
    """The reason why a pod is refused; it leaves neither a job nor a file."""
    answer = client.create(sent, **data)
    assert 400 <= answer.status < 500, answer.text
    assert jobs_of(sent) == []
    assert not directory(sent).exists()
    return answer.text


@pytest.mark.parametrize("place", ["pod", "container"])
def test_the_user_that_a_pod_names_runs_it(client: Client, image: str, place: str) -> None:
    if place == "pod":
        sent = pod(container("main", "id -u; id -g", image), securityContext=ALICES)
    else:
        sent = pod(container("main", "id -u; id -g", image, securityContext=ALICES))
    assert log_of(client, sent) == f"{ALICE}\n{ALICE}\n"
    assert job_field(jobs_of(sent)[0], "UserId") == f"alice({ALICE})"
    assert job_field(jobs_of(sent)[0], "GroupId") == f"alice({ALICE})"


def test_the_group_that_a_pod_names(client: Client, image: str) -> None:
    context = {"runAsUser": ALICE, "runAsGroup": BOB}
    sent = pod(container("main", "id -u; id -g", image), securityContext=context)
    assert log_of(client, sent) == f"{ALICE}\n{BOB}\n"
    assert job_field(jobs_of(sent)[0], "GroupId") == f"bob({BOB})"


def test_a_group_that_the_user_is_not_in_is_refused(client: Client, image: str) -> None:
    for user, group in ((BOB, ALICE), (ALICE, 0)):
        context = {"runAsUser": user, "runAsGroup": group}
        sent = pod(container("main", "id", image), securityContext=context)
        said = refused(client, sent)
        assert f"runAsGroup: user {user} is not in group {group}" in said


def test_the_user_of_a_flavor(client: Client, image: str) -> None:
    flavor = {"slurm-job.vk.io/flavor": "bobs"}
    sent = pod(container("main", "id -u", image), annotations=flavor)
    assert log_of(client, sent) == f"{BOB}\n"
    assert job_field(jobs_of(sent)[0], "UserId") == f"bob({BOB})"


def test_a_pods_own_user_goes_before_the_flavors(client: Client, image: str) -> None:
    flavor = {"slurm-job.vk.io/flavor": "bobs"}
    sent = pod(container("main", "id -u", image), annotations=flavor, securityContext=ALICES)
    assert log_of(client, sent) == f"{ALICE}\n"


def holding_its_directory(script: str, image: str) -> dict[str, Any]:
    """A pod of alice whose container has the pod's own directory as /mnt."""
    mounts = [{"name": "pod", "mountPath": "/mnt"}]
    sent = pod(container("main", script, image, volumeMounts=mounts), securityContext=ALICES)
    sent["spec"]["volumes"] = [{"name": "pod", "hostPath": {"path": str(directory(sent))}}]
    return sent


def test_only_the_pods_user_can_read_its_files(client: Client, image: str) -> None:
    look = "cd /mnt; find . ! -user 1001; echo; find . -type f ! -name job.out -perm /077; id -u"
    sent = holding_its_directory(look, image)
    # The record is the plugin's own: the user must not be able to change what it says.
    assert log_of(client, sent) == f"./record.json\n\n{ALICE}\n"
    found = directory(sent).stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (ALICE, ALICE, 0o700)
    with pytest.raises(PermissionError):
        list(directory(sent).iterdir())


def test_the_jobs_environment_is_the_users(client: Client, image: str) -> None:
    words = 'echo "$HOME $USER $(id -un)" >"$sp_directory/emptyDirs/e/words"'
    sent = pod(
        container(
            "main", "cat /work/words", image, volumeMounts=[{"name": "e", "mountPath": "/work"}]
        ),
        annotations={"slurm-job.vk.io/pre-exec": words},
        volumes=[{"name": "e", "emptyDir": {}}],
        securityContext=ALICES,
    )
    assert log_of(client, sent) == "/home/alice alice alice\n"


def test_a_link_in_a_users_directory_leads_the_plugin_nowhere(client: Client, image: str) -> None:
    # /etc/shadow: alice may not read it, but the plugin is root.
    log = "/mnt/run-other.out"
    link = f"until [ -s {log} ]; do sleep 0.1; done; ln -sf /etc/shadow {log}; readlink {log}"
    sent = holding_its_directory(link, image)
    sent["spec"]["containers"].append(container("other", "echo own", image))
    client.create(sent).json()
    assert exit_codes(client.wait_ended(sent)) == {"main": 0, "other": 0}
    assert client.log(sent, "main") == "/etc/shadow\n"
    assert "root:" not in client.log(sent, "other")


@pytest.mark.parametrize("place", ["spec.securityContext", "spec.containers[0].securityContext"])
def test_root_is_refused(client: Client, image: str, place: str) -> None:
    root = {"runAsUser": 0}
    if place == "spec.securityContext":
        sent = pod(container("main", "true", image), securityContext=root)
    else:
        sent = pod(container("main", "true", image, securityContext=root))
    assert f"{place}.runAsUser: " in refused(client, sent)


def test_a_pod_that_names_nobody_is_refused_rather_than_run_as_root(
    client: Client, image: str
) -> None:
    assert "spec.securityContext.runAsUser: " in refused(
        client, pod(container("main", "true", image))
    )


def test_a_user_whom_the_host_does_not_know_is_refused(client: Client, image: str) -> None:
    stranger = {"runAsUser": 4711}
    sent = pod(container("main", "true", image), securityContext=stranger)
    assert "spec.securityContext.runAsUser: user 4711 is unknown" in refused(client, sent)
    sent = pod(container("main", "true", image, securityContext=stranger))
    reason = refused(client, sent)
    assert "spec.containers[0].securityContext.runAsUser: user 4711 is unknown" in reason


def test_containers_of_different_users_are_refused(client: Client, image: str) -> None:
    sent = pod(
        container("one", "true", image, securityContext={"runAsUser": ALICE}),
        container("two", "true", image, securityContext={"runAsUser": BOB}),
    )
    assert "spec.containers[1].securityContext.runAsUser: " in refused(client, sent)


def test_volumes_travel_inside_the_script(client: Client, image: str) -> None:
    config_map = {"metadata": {"name": "c"}, "data": {"text": "it's $HOME\n"}}
    every_byte = base64.b64encode(bytes(range(256))).decode()
    secret = {"metadata": {"name": "s"}, "data": {"bytes": every_byte}}
    look = (
        "cat /data/text /work/made; sha256sum /mnt/bytes | cut -c1-16;"
        " stat -c '%u %a' /data/text /mnt/bytes /work/made"
    )
    # Charliecloud can mount only on directories that the image has.
    places = {"c": "/data", "s": "/mnt", "e": "/work"}
    mounts = {"volumeMounts": [{"name": n, "mountPath": path} for n, path in places.items()]}
    sent = pod(
        container("main", look, image, **mounts),
        init=[container("init", "echo made >/work/made; chmod 640 /work/made", image, **mounts)],
        volumes=[
            {"name": "c", "configMap": {"name": "c", "defaultMode": 0o444}},
            {"name": "s", "secret": {"secretName": "s", "defaultMode": 0o400}},
            {"name": "e", "emptyDir": {}},
        ],
        securityContext=ALICES,
    )
    log = log_of(client, sent, main={"configMaps": [config_map], "secrets": [secret]})
    modes = "1001 444\n1001 400\n1001 640\n"
    assert log == f"it's $HOME\nmade\n40aff2e9d2d8922e\n{modes}"


def test_exit_codes_are_the_containers_own(client: Client, image: str) -> None:
    sent = pod(
        container("good", "exit 0", image),
        container("bad", "echo out; exit 42", image),
        securityContext=ALICES,
    )
    client.create(sent).json()
    status = client.wait_ended(sent)
    assert exit_codes(status) == {"good": 0, "bad": 42}
    reasons = [c["state"]["terminated"]["reason"] for c in status["containers"]]
    assert reasons == ["Completed", "Error"]
    assert client.log(sent, "bad") == "out\n"


def test_a_running_pod_of_a_user_is_deleted_with_its_job_and_files(
    client: Client, image: str
) -> None:
    sent = pod(container("main", "sleep 300", image), securityContext=ALICES)
    job = client.create(sent).json()["PodJID"]
    client.wait_running(sent)
    assert client.delete(sent).status == 200
    until(lambda: job_field(job, "JobState") in ("CANCELLED", "FAILED", "COMPLETED"), 30)
    until(lambda: not directory(sent).exists(), 30)


def claiming(image: str, claim: str, script: str) -> dict[str, Any]:
    return pod(
        container("main", script, image, volumeMounts=[{"name": "v", "mountPath": "/data"}]),
        volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": claim}}],
        securityContext=ALICES,
    )


def test_a_claim_is_the_directory_that_the_operator_named(client: Client, image: str) -> None:
    word = str(uuid.uuid4())
    log_of(client, claiming(image, "shared", f"echo {word} >/data/kept"))
    read = claiming(image, "shared", "cat /data/kept; rm /data/kept")
    assert log_of(client, read) == f"{word}\n"


def test_a_claim_without_a_directory_is_refused(client: Client, image: str) -> None:
    reason = refused(client, claiming(image, "other", "true"))
    assert "spec.volumes[0].persistentVolumeClaim: " in reason
    assert "ClaimPaths" in reason


def test_a_claim_of_another_namespace_is_refused(client: Client, image: str) -> None:
    sent = claiming(image, "shared", "true")
    sent["metadata"]["namespace"] = "others"
    assert "spec.volumes[0].persistentVolumeClaim: " in refused(client, sent)
