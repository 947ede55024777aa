"""What operators use, on the real cluster: ping, metrics, client commands, doctor, render."""

import json
import subprocess
import uuid
from pathlib import Path

import pytest

from tests.cluster.client import Client, container, exit_codes, pod
from tests.cluster.conftest import Daemons, jobs_of, until

PLUGIN = "/usr/local/bin/slurm-plugin"


def command(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run slurm-plugin as an administrator would."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}
    return subprocess.run(
        [PLUGIN, *words], check=False, capture_output=True, text=True, timeout=120, env=environment
    )


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A readable config; the service's own is its user's."""
    folder = tmp_path / "jobs"
    folder.mkdir()
    runtime = "singularity" if Path("/usr/bin/apptainer").exists() else "charliecloud"
    path = tmp_path / "SlurmConfig.yaml"
    path.write_text(
        f"DataRootFolder: {folder}\nSharedFS: true\nContainerRuntime: {runtime}\n"
        "SingularityPath: /usr/bin/apptainer\nBackend: commands\n"
    )
    return str(path)


@pytest.fixture
def manifest(tmp_path: Path, image: str) -> str:
    path = tmp_path / "pod.yaml"
    path.write_text(
        f"""
kind: Pod
metadata: {{name: op-{uuid.uuid4().hex[:8]}, annotations: {{slurm-job.vk.io/flags: --time=5}}}}
spec:
  containers:
  - name: main
    image: {image}
    command: [sh, -c, 'echo "$WORD"; cat /work/file; exit 3']
    env: [{{name: WORD, valueFrom: {{configMapKeyRef: {{name: texts, key: word}}}}}}]
    volumeMounts: [{{name: c, mountPath: /work}}]
  volumes: [{{name: c, configMap: {{name: texts}}}}]
---
kind: ConfigMap
metadata: {{name: texts}}
data: {{word: hello, file: "from the map"}}
"""
    )
    return str(path)


def numbers(client: Client) -> dict[str, str]:
    # A plugin that began just now has not heard of the nodes yet.
    resources = client.request("GET", "/status", []).json().get("resources") or {}
    accelerators = {a["resourceType"]: a["available"] for a in resources.pop("accelerators", [])}
    return {**resources, **accelerators}


def test_the_numbers_of_the_ping_are_the_same_everywhere(client: Client) -> None:
    """By every backend and release: this test runs with each of them."""
    until(lambda: client.request("GET", "/status", []).json().get("resources"), 40)
    assert numbers(client) == {
        "cpu": "24",
        "memory": "12000Mi",
        "pods": "10000",
        "nvidia.com/gpu": "6",
    }


def test_a_drained_node_does_not_count(client: Client, daemons: Daemons) -> None:
    daemons.scontrol("update", "nodename=n3", "state=drain", "reason=test")
    try:
        until(lambda: numbers(client).get("cpu") == "16", 60)
        assert numbers(client)["nvidia.com/gpu"] == "4"
    finally:
        daemons.scontrol("update", "nodename=n3", "state=resume")
    until(lambda: numbers(client).get("cpu") == "24", 60)


def test_the_ping_answers_while_slurm_hangs(client: Client, daemons: Daemons) -> None:
    until(lambda: client.request("GET", "/status", []).json().get("resources"), 40)
    before = numbers(client)
    daemons.do("freeze", "slurmctld")
    assert numbers(client) == before


def test_a_pod_by_the_client_commands(manifest: str, tmp_path: Path) -> None:
    submitted = command("submit", manifest, home=tmp_path)
    assert submitted.returncode == 0, submitted.stderr
    watched = command("status", manifest, "--watch", home=tmp_path)
    assert watched.stdout.splitlines()[-1].split()[:4] == ["main", "terminated", "Error", "3"]
    assert command("logs", manifest, home=tmp_path).stdout == "hello\nfrom the map"
    status = json.loads(command("status", manifest, "--json", home=tmp_path).stdout)
    assert f"job {status['JID']}" in submitted.stdout
    assert command("delete", manifest, home=tmp_path).returncode == 0
    gone = command("status", manifest, home=tmp_path)
    assert gone.returncode == 1
    assert "was not submitted from here" in gone.stderr


def test_render_shows_the_script_that_runs(manifest: str, config: str, tmp_path: Path) -> None:
    done = command("render", manifest, "--config", config, "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    script = tmp_path / "job.slurm"
    script.write_text(json.loads(done.stdout)["job"]["script"])
    checked = subprocess.run(
        ["sbatch", "--test-only", str(script)], check=False, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr


def test_the_doctor_finds_a_sound_cluster_sound(config: str, tmp_path: Path) -> None:
    done = command("doctor", "--config", config, home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "problem" not in done.stdout
    assert "3 of 3 nodes count, with 24 CPUs" in done.stdout
    assert "the controller's clock agrees" in done.stdout
    assert f"writes into {tmp_path / 'jobs'}" in done.stdout


def test_the_doctor_finds_what_is_missing(config: str, tmp_path: Path) -> None:
    with Path(config).open("a") as file:
        file.write("CommandPrefix: PATH=/nosuch\nBashPath: /bin/bash\n")
    text = Path(config).read_text().replace("singularity\n", "enroot\nEnrootPath: nosuch\n")
    Path(config).write_text(text.replace("charliecloud\n", "enroot\nEnrootPath: nosuch\n"))
    done = command("doctor", "--config", config, home=tmp_path)
    assert done.returncode == 1
    assert "has no nosuch" in done.stdout
    refused = command("doctor", "--config", config, "--flags", "-p nosuch", home=tmp_path)
    assert "nvalid partition" in refused.stdout


def test_metrics_count_what_happens(client: Client, image: str) -> None:
    def created() -> float:
        text = client.request("GET", "/metrics").text
        line = 'slurm_plugin_http_requests_total{code="200",endpoint="/create",method="POST"} '
        return sum(float(one[len(line) :]) for one in text.splitlines() if one.startswith(line))

    before = created()
    sent = pod(container("main", "true", image))
    client.create(sent).json()
    assert created() >= before + 1  # other tests create pods beside this one
    assert exit_codes(client.wait_ended(sent)) == {"main": 0}
    assert len(jobs_of(sent)) == 1
    info = client.request("GET", "/system-info").json()
    assert info["slurm_calls"]["submit"]["calls"] >= 1
    assert info["capacity"]["away"] is False
