"""Other runtimes, and the image cache."""

import subprocess

import pytest

from slurm_plugin.config.settings import PodSettings
from slurm_plugin.errors import InvalidRequest

_CH_RUN = """#!/bin/bash
printf '%s\\0' "$@" >"$SP_TEST_NOTES/argv"
env -0 >"$SP_TEST_NOTES/environment"
for word in "$@"; do
  [[ $word != --set-env=* ]] || cat -- "${word#*=}" >"$SP_TEST_NOTES/variables"
done
"""

_PULL = """#!/bin/bash
[[ $1 == pull ]] || exit 0
echo pull >>"$SP_TEST_NOTES/pulls"
sleep 0.3
echo part >"$3"
[[ ${!#} != *broken* ]] || { echo 'FATAL: manifest unknown' >&2; exit 255; }
echo image >"$3"
"""


def _program(node, name, text):
    path = node.root / "bin" / name
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def _container(**more):
    return {"name": "main", "image": "/images/busybox", "command": ["echo", "a b"], **more}


def test_charliecloud_gets_single_lines_in_a_file_and_the_rest_in_its_environment(plan, node):
    _program(node, "ch-run", _CH_RUN)
    env = [
        {"name": "QUOTES", "value": "it's '$HOME'"},
        {"name": "LINES", "value": "a\nb"},
        {"name": "LD_PRELOAD", "value": "x\ny"},
    ]
    pod = plan(
        [_container(env=env, workingDir="/work", volumeMounts=[{"name": "v", "mountPath": "/d"}])],
        volumes=[{"name": "v", "emptyDir": {}}],
        settings=PodSettings(container_runtime="charliecloud"),
        directory=str(node.directory),
    )
    assert node.run(pod).returncode == 0
    words = node.argv()
    assert words[:2] == [f"--bind={node.directory}/emptyDirs/v:/d", "--cd=/work"]
    assert words[2] == "--env-no-expand"
    assert words[-4:] == ["/images/busybox", "--", "echo", "a b"]
    assert (node.root / "variables").read_text() == "QUOTES='it's '$HOME''\n"
    assert node.environment()["LINES"] == "a\nb"
    assert "LD_PRELOAD" not in node.environment()


@pytest.mark.parametrize("wrong", [{"command": None}, {"image": "docker://busybox"}])
def test_charliecloud_refuses_what_it_cannot_do(plan, wrong):
    with pytest.raises(InvalidRequest, match=r"spec\.containers\[0\]"):
        plan([_container(**wrong)], settings=PodSettings(container_runtime="charliecloud"))


def test_enroot_imports_creates_and_starts_by_name(plan, node):
    log = 'printf \'%s\\n\' "$*" >>"$SP_TEST_NOTES/calls"\n'
    copy = (
        log + 'printf \'%s\\0\' "$@" >"$SP_TEST_NOTES/argv"\nenv -0 >"$SP_TEST_NOTES/environment"\n'
    )
    program = _program(node, "enroot", f"#!/bin/bash\n{copy}")
    env = [
        {"name": "A", "value": "b c"},
        {"name": "PATH", "value": "/x"},
        {"name": "L", "value": "\n"},
    ]
    pod = plan(
        [_container(image="docker://reg.example/x/y:1", env=env)],
        settings=PodSettings(container_runtime="enroot", enroot_path=program),
        annotations={"slurm-job.vk.io/enroot-options": "--root"},
        directory=str(node.directory),
    )
    assert node.run(pod, SLURM_JOB_ID="3").returncode == 0
    name = "main7d9f0c1e-2b3a-4c5d-8e6f-1a2b3c4d5e6f"
    calls = (node.root / "calls").read_text().splitlines()
    assert calls[0] == f"import --output {node.directory}/{name}.sqsh docker://reg.example#x/y:1"
    assert calls[1] == f"create --force --name {name} {node.directory}/{name}.sqsh"
    expected = [
        "start",
        "--rw",
        "--root",
        "--env",
        "SLURM_JOB_ID",
        "--env",
        "A",
        name,
        "echo",
        "a b",
    ]
    assert node.argv() == expected
    assert node.environment()["A"] == "b c"
    assert any("PATH" in note for note in pod.notes)
    assert "variable L is left out" in (node.directory / "run-main.out").read_text()


def _cached(plan, node, image, **more):
    program = _program(node, "apptainer", _PULL)
    (node.root / "cache").mkdir(exist_ok=True)
    settings = PodSettings(singularity_path=program, image_cache_dir=str(node.root / "cache"))
    return plan([_container(image=image, **more)], settings=settings, directory=str(node.directory))


def test_twenty_pods_at_once_pull_an_image_once(plan, node):
    pod = _cached(plan, node, "docker://busybox:latest")
    node.run(pod, ":")
    script = node.root / "script.sh"
    script.write_text(script.read_text().removesuffix(': "$@"\n') + "sp_prepare_0\n")
    environment = {"PATH": "/usr/bin:/bin", "SP_TEST_NOTES": str(node.root)}
    running = [subprocess.Popen(["/bin/bash", str(script)], env=environment) for _ in range(20)]
    assert [process.wait(60) for process in running] == [0] * 20
    assert (node.root / "pulls").read_text() == "pull\n"
    images = [path for path in (node.root / "cache").iterdir() if path.suffix == ".sif"]
    assert [path.read_text() for path in images] == ["image\n"]
    assert str(images[0]) in pod.body


def test_an_image_that_is_there_is_pulled_again_only_when_the_policy_says_always(plan, node):
    for policy, pulls in (("IfNotPresent", 1), ("IfNotPresent", 1), ("Never", 1)):
        pod = _cached(plan, node, "docker://busybox:1", imagePullPolicy=policy)
        assert node.run(pod, "sp_prepare_0").returncode == 0
        assert len((node.root / "pulls").read_text().splitlines()) == pulls


def test_a_failed_pull_says_why_and_leaves_nothing(plan, node):
    result = node.run(_cached(plan, node, "docker://broken:1"))
    assert result.returncode == 125
    state = (node.directory / "run-main.state").read_text()
    assert "reason=ErrImagePull" in state
    assert "manifest unknown" in state
    assert not [path for path in (node.root / "cache").iterdir() if path.suffix == ".sif"]


def test_an_image_that_may_not_be_pulled_must_be_there(plan, node):
    pod = _cached(plan, node, "docker://busybox:1", imagePullPolicy="Never")
    result = node.run(pod, "sp_prepare_0")
    assert result.returncode == 1
    assert b"ErrImageNeverPull" in result.stderr
