"""`slurm-plugin render`, through the command line."""

import json

import pytest

from slurm_plugin import cli
from slurm_plugin.client.rendering import NO_UID


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(
        f"DataRootFolder: {tmp_path / 'jobs'}\nAllowRootJobs: true\nSharedFS: true\nDefaultUID: 0\n"
    )
    return str(path)


@pytest.fixture
def render(config, pod_file, capsys, monkeypatch):
    monkeypatch.delenv("SHARED_FS", raising=False)

    def render(*words):
        code = cli.run(["render", str(pod_file), "--config", config, *words])
        return code, *capsys.readouterr()

    return render


def test_job_files_and_script_are_shown_and_nothing_is_written(render, tmp_path):
    code, out, err = render()
    assert (code, err) == (0, "")
    assert f"comment:   slurm-plugin pod default/hello {NO_UID}" in out
    assert "=== file configMaps/v/greeting (mode 0644, 8 bytes)\ngood day" in out
    assert "=== file secrets/s/password" in out
    assert "#SBATCH --job-name=" in out
    assert not (tmp_path / "jobs").exists()


def test_secrets_of_volumes_are_not_shown(render):
    _, out, _ = render()
    block = out.partition("=== file secrets/s/password")[2].partition("===")[0]
    assert block.splitlines()[1:] == ["(not shown)"]


def test_json_holds_the_job(render):
    _, out, _ = render("--json")
    answer = json.loads(out)
    assert answer["job"]["name"] == NO_UID
    assert answer["job"]["script"].startswith("#!/bin/bash\n#SBATCH ")
    assert {"path": "configMaps/v/greeting", "mode": "0644", "bytes": 8} in answer["files"]
    assert "good day" not in json.dumps(answer["files"])


def test_what_can_not_become_a_job_names_the_field(render, pod_file):
    pod_file.write_text("metadata: {name: a}\nspec: {containers: []}")
    code, out, err = render()
    assert (code, out) == (1, "")
    assert "spec.containers" in err
