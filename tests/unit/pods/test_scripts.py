"""Generated scripts, run in real bash."""

import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slurm_plugin.config.settings import PodSettings

_HOSTILE = "a b'c\"d $HOME $(touch canary) `touch canary`; touch canary\n& \\ = * ü"


def _settings(node, **more):
    return PodSettings(singularity_path=node.program, **more)


def _environment(plan, node, env, **more):
    pod = plan(
        [{"name": "main", "image": "/i.sif", "command": ["true"], "env": env}],
        settings=_settings(node, **more),
        directory=str(node.directory),
    )
    result = node.run(pod)
    assert result.returncode == 0, result.stderr
    return node.environment()


def test_command_and_arguments_arrive_as_they_were_sent(plan, node):
    container = {"name": "main", "image": "/i.sif", "command": ["sh", "-c"], "args": [_HOSTILE, ""]}
    pod = plan([container], settings=_settings(node), directory=str(node.directory))
    assert node.run(pod).returncode == 0
    options = ["--quiet", "exec", "--nv", "--no-eval", "--containall"]
    expected = [*options, "/i.sif", "sh", "-c", _HOSTILE, ""]
    assert node.argv() == expected
    assert not list(node.root.rglob("canary"))


def test_without_a_command_the_entrypoint_runs(plan, node):
    container = {"name": "main", "image": "/i.sif", "args": ["serve"]}
    pod = plan([container], settings=_settings(node), directory=str(node.directory))
    assert node.run(pod).returncode == 0
    assert node.argv()[1] == "run"
    assert node.argv()[-2:] == ["/i.sif", "serve"]


def test_values_reach_the_runtime_byte_for_byte_and_not_in_its_arguments(plan, node):
    env = [
        {"name": "HOSTILE", "value": _HOSTILE},
        {"name": "EMPTY"},
        {"name": "LONG", "value": "x" * 100_000},
        {"name": "LINES", "value": "\n\none\n"},
    ]
    found = _environment(plan, node, env)
    assert found["APPTAINERENV_HOSTILE"] == _HOSTILE
    assert found["APPTAINERENV_EMPTY"] == ""
    assert found["APPTAINERENV_LONG"] == "x" * 100_000
    assert found["APPTAINERENV_LINES"] == "\n\none\n"
    assert not any("canary" in word for word in node.argv())
    assert not list(node.root.rglob("canary"))


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60),
    word=st.text(st.characters(exclude_characters="\0$", exclude_categories=["Cs"]), max_size=60),
)
def test_any_text_survives_the_shell(plan, node, value, word):
    value = value.replace("$(", "$[")
    container = {
        "name": "main",
        "image": "/i.sif",
        "command": ["echo", word],
        "env": [{"name": "VALUE", "value": value}],
    }
    pod = plan([container], settings=_settings(node), directory=str(node.directory))
    assert node.run(pod).returncode == 0
    assert node.argv()[-2:] == ["echo", word]
    assert node.environment()["APPTAINERENV_VALUE"] == value


def test_slurm_variables_are_seen_in_the_container_and_the_pods_own_win(plan, node):
    container = {
        "name": "main",
        "image": "/i.sif",
        "command": ["true"],
        "env": [{"name": "SLURM_NTASKS", "value": "own"}],
    }
    pod = plan([container], settings=_settings(node), directory=str(node.directory))
    node.run(pod, SLURM_JOB_ID="17", SLURM_NTASKS="4", CUDA_VISIBLE_DEVICES="1")
    found = node.environment()
    assert found["APPTAINERENV_SLURM_JOB_ID"] == "17"
    assert found["APPTAINERENV_CUDA_VISIBLE_DEVICES"] == "1"
    assert found["APPTAINERENV_SLURM_NTASKS"] == "own"


def test_singularity_gets_its_own_prefix(plan, node):
    program = node.root / "bin" / "singularity"
    program.write_text(Path(node.program).read_text())
    program.chmod(0o755)
    pod = plan(
        [{"name": "m", "image": "/i", "command": ["x"], "env": [{"name": "A", "value": "1"}]}],
        settings=PodSettings(singularity_path="singularity"),
        directory=str(node.directory),
    )
    assert node.run(pod).returncode == 0
    assert node.environment()["SINGULARITYENV_A"] == "1"


def test_files_travel_inside_the_script_where_the_file_system_is_not_shared(plan, node):
    config_map = {"metadata": {"name": "cfg"}, "binaryData": {"b": "AAEC/w=="}}
    pod = plan(
        [
            {
                "name": "main",
                "image": "/i.sif",
                "command": ["true"],
                "env": [{"name": "A", "value": "1"}],
                "volumeMounts": [{"name": "v", "mountPath": "/config"}],
            }
        ],
        volumes=[{"name": "v", "configMap": {"name": "cfg", "defaultMode": 0o440}}],
        sent=[{"name": "main", "configMaps": [config_map]}],
        settings=_settings(node),
        shared_fs=False,
        directory=str(node.directory),
    )
    assert pod.files == ()
    assert pod.directories == ()
    for _ in range(2):
        assert node.run(pod).returncode == 0
    path = node.directory / "configMaps/v/b"
    assert path.read_bytes() == b"\x00\x01\x02\xff"
    assert stat.S_IMODE(path.stat().st_mode) == 0o440
    assert stat.S_IMODE((node.directory / "main_envfile.properties").stat().st_mode) == 0o600
    assert node.environment()["APPTAINERENV_A"] == "1"


@pytest.mark.parametrize(("kind", "found"), [("Directory", True), ("File", False)])
def test_a_host_path_is_checked_on_the_node(plan, node, kind, found):
    source = node.root / "host"
    source.mkdir()
    mount = {"name": "h", "mountPath": "/host"}
    pod = plan(
        [{"name": "main", "image": "/i", "command": ["true"], "volumeMounts": [mount]}],
        volumes=[{"name": "h", "hostPath": {"path": str(source), "type": kind}}],
        settings=_settings(node),
        directory=str(node.directory),
    )
    result = node.run(pod)
    assert (result.returncode == 0) is found
    assert (b"spec.volumes[0].hostPath" in result.stderr) is not found


def test_shell_text_runs_before_the_containers_in_order(plan, node):
    pod = plan(
        annotations={
            "slurm-job.vk.io/pre-exec": "echo pre-exec $POD_IP\n",
            "interlink.eu/wstunnel-client-commands": "echo tunnel &\nwait $!",
            "interlink.eu/pod-ip": "10.0.0.7",
        },
        settings=_settings(node, command_prefix="echo prefix\n"),
        directory=str(node.directory),
    )
    assert node.run(pod).stdout == b"prefix\ntunnel\npre-exec 10.0.0.7\n"


def test_the_mesh_script_wraps_the_whole_job(plan, node):
    mesh = '#!/bin/bash\necho mesh-begin\n"$@"\necho mesh-end'
    text = f"cat <<'EOFMESH' > $TMPDIR/mesh.sh\n{mesh}\nEOFMESHecho pre-exec"
    pod = plan(
        annotations={"slurm-job.vk.io/pre-exec": text},
        settings=_settings(node),
        directory=str(node.directory),
    )
    assert node.run(pod).stdout == b"mesh-begin\npre-exec\nmesh-end\n"


def test_the_clients_job_script_takes_the_place_of_the_containers(plan, node):
    pod = plan(
        [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}],
        job_script='#!/bin/bash\necho 4 >"$PWD/run-b.status"\nsleep 0.2\nexit 3\n',
        settings=_settings(node),
        directory=str(node.directory),
    )
    assert node.run(pod).returncode != 0
    assert (node.directory / "run-a.status").read_text() == "3\n"
    assert (node.directory / "run-b.status").read_text() == "4\n"
    assert not (node.root / "argv").exists()


def test_the_launcher_starts_tasks_that_know_their_rank(plan, node):
    launcher = node.root / "bin" / "srun"
    launcher.write_text('#!/bin/bash\nshift 2\nSLURM_PROCID=5 exec "$@"\n')
    launcher.chmod(0o755)
    annotations = {"slurm-job.vk.io/mpi-flags": "-l", "slurm-job.vk.io/launcher": "srun"}
    env = [{"name": "A", "value": _HOSTILE}]
    pod = plan(
        [{"name": "main", "image": "/i", "command": ["rank", "$$x"], "env": env}],
        annotations=annotations,
        settings=_settings(node),
        directory=str(node.directory),
    )
    result = node.run(pod)
    assert result.returncode == 0, result.stderr
    assert node.argv()[-3:] == ["/i", "rank", "$x"]
    assert node.environment()["APPTAINERENV_SLURM_PROCID"] == "5"
    assert node.environment()["APPTAINERENV_A"] == _HOSTILE


def test_memory_volumes_are_made_on_the_node_and_removed(plan, node):
    mount = {"name": "shm", "mountPath": "/dev/shm"}
    pod = plan(
        [{"name": "main", "image": "/i", "command": ["true"], "volumeMounts": [mount]}],
        volumes=[{"name": "shm", "emptyDir": {"medium": "Memory"}}],
        settings=_settings(node),
        directory=str(node.directory),
    )
    source = next(word for word in pod.body.split() if word.startswith("/dev/shm/slurm-plugin-"))
    check = (
        f"sp_unpack; [[ -d {source} ]] && echo made; sp_after_containers; [[ -e {source} ]] || echo"
    )
    assert node.run(pod, check).stdout == b"made\n\n"
