"""Volumes, their files and mounts."""

import base64

import pytest

from slurm_plugin.config.settings import PodSettings
from slurm_plugin.errors import InvalidRequest

DIRECTORY = "/data/default-7d9f0c1e-2b3a-4c5d-8e6f-1a2b3c4d5e6f"
_CONFIG = {"metadata": {"name": "cfg"}, "data": {"a": "one", "b": "two\n"}}


def _with(plan, volume, mount=None, sent=None, **more):
    mount = {"name": "v", "mountPath": "/v", **(mount or {})}
    env = [{"name": "POD", "value": "p1"}]
    container = {
        "name": "main", "image": "/i", "command": ["x"], "volumeMounts": [mount], "env": env,
    }  # fmt: skip
    return plan(
        [container],
        volumes=[{"name": "v", **volume}],
        sent=[{"name": "main", **(sent or {})}],
        **more,
    )


def _item(key, path):
    return {"configMap": {"name": "cfg", "items": [{"key": key, "path": path}]}}


def _files(pod):
    return {f.path: (f.content, f.mode) for f in pod.files if "envfile" not in f.path}


def test_a_config_map_is_one_directory_and_one_bind(plan):
    pod = _with(plan, {"configMap": {"name": "cfg"}}, sent={"configMaps": [_CONFIG, _CONFIG]})
    assert _files(pod) == {
        "configMaps/v/a": (b"one", 0o644),
        "configMaps/v/b": (b"two\n", 0o644),
    }
    assert pod.directories == ("configMaps", "configMaps/v")
    assert f"--bind {DIRECTORY}/configMaps/v:/v:ro" in pod.body
    run = pod.body.split("sp_run_0() {")[1].split("}")[0]
    assert run.count("--bind") == 1


def test_items_and_modes_are_applied(plan):
    items = [{"key": "a", "path": "sub/x", "mode": 256}, {"key": "b", "path": "y"}]
    volume = {"configMap": {"name": "cfg", "items": items, "defaultMode": 0o600}}
    pod = _with(plan, volume, sent={"configMaps": [_CONFIG]})
    assert _files(pod) == {
        "configMaps/v/sub/x": (b"one", 0o400),
        "configMaps/v/y": (b"two\n", 0o600),
    }
    assert pod.directories == ("configMaps", "configMaps/v", "configMaps/v/sub")


def test_a_secret_is_decoded(plan):
    secret = {"metadata": {"name": "s"}, "data": {"k": base64.b64encode(b"\0\xff").decode()}}
    pod = _with(plan, {"secret": {"secretName": "s"}}, sent={"secrets": [secret]})
    assert _files(pod) == {"secrets/v/k": (b"\0\xff", 0o644)}
    assert f"--bind {DIRECTORY}/secrets/v:/v:ro" in pod.body


def test_a_projected_volume_comes_resolved_and_its_certificate_gets_newlines(plan):
    data = {"token": "t", "ca/ca.crt": "-----BEGIN C-----\\nAA\\n-----END C-----\\n", "k": "a\\nb"}
    sent = {"projectedvolumemaps": [{"metadata": {"name": "v"}, "data": data}]}
    pod = _with(plan, {"projected": {"defaultMode": 0o440}}, sent=sent)
    assert _files(pod) == {
        "projectedVolumeMaps/v/token": (b"t", 0o440),
        "projectedVolumeMaps/v/ca/ca.crt": (b"-----BEGIN C-----\nAA\n-----END C-----\n", 0o440),
        "projectedVolumeMaps/v/k": (b"a\\nb", 0o440),
    }


def test_a_downward_volume_that_was_not_resolved_is_filled_from_metadata(plan):
    items = [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]
    pod = _with(plan, {"downwardAPI": {"items": items}})
    assert _files(pod) == {"projectedVolumeMaps/v/name": (b"demo", 0o644)}


def test_an_optional_volume_that_was_not_sent_is_empty(plan):
    pod = _with(plan, {"secret": {"secretName": "s", "optional": True}})
    assert _files(pod) == {}
    assert "secrets/v" in pod.directories


def test_an_empty_dir_is_shared_by_the_containers(plan):
    pod = _with(plan, {"emptyDir": {}}, {"subPath": "x/y"})
    assert "emptyDirs/v" in pod.directories
    assert f"mkdir -p -- {DIRECTORY}/emptyDirs/v/x/y" in pod.body
    assert f"--bind {DIRECTORY}/emptyDirs/v/x/y:/v:rw" in pod.body


def test_a_sub_path_mounts_one_file(plan):
    pod = _with(plan, {"configMap": {"name": "cfg"}}, {"subPath": "a"}, {"configMaps": [_CONFIG]})
    assert f"--bind {DIRECTORY}/configMaps/v/a:/v:ro" in pod.body


def test_a_sub_path_expression_is_expanded(plan):
    pod = _with(plan, {"hostPath": {"path": "/scratch"}}, {"subPathExpr": "logs/$(POD)"})
    assert "--bind /scratch/logs/p1:/v:rw" in pod.body


def test_a_claim_is_refused_unless_the_operator_maps_it(plan):
    claim = {"persistentVolumeClaim": {"claimName": "c", "readOnly": True}}
    with pytest.raises(InvalidRequest, match=r"spec\.volumes\[0\]\.persistentVolumeClaim.*\"c\""):
        _with(plan, claim)
    settings = PodSettings(claim_paths={"c": "/other", "default/c": "/projects/c"})
    assert "--bind /projects/c:/v:ro" in _with(plan, claim, settings=settings).body


def test_host_paths_lie_below_the_allowed_prefixes(plan):
    settings = PodSettings(host_path_prefixes=("/scratch", "/projects/"))
    for path in ("/scratch", "/projects/x"):
        assert (
            f"--bind {path}:/v:rw"
            in _with(plan, {"hostPath": {"path": path}}, settings=settings).body
        )
    for path in ("/scratch2", "/etc", "/scratch/../etc", "//etc"):
        with pytest.raises(InvalidRequest, match=r"spec\.volumes\[0\]\.hostPath\.path"):
            _with(plan, {"hostPath": {"path": path}}, settings=settings)


def test_no_pod_data_means_no_mounts(plan):
    settings = PodSettings(export_pod_data=False)
    pod = _with(plan, {"emptyDir": {}}, settings=settings)
    assert "--bind" not in pod.body
    assert pod.directories == ()


def test_a_volume_that_nobody_mounts_is_not_needed(plan):
    assert (
        plan(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]).directories == ()
    )


@pytest.mark.parametrize(
    ("volume", "mount", "field"),
    [
        ({"configMap": {"name": "nope"}}, {}, r"spec\.volumes\[0\]\.configMap\.name"),
        ({"secret": {"secretName": "nope"}}, {}, r"spec\.volumes\[0\]\.secret\.secretName"),
        (_item("a", "../x"), {}, r"items\[0\]\.path"),
        (_item("a", "/x"), {}, r"items\[0\]\.path"),
        (_item("a", "x" * 300), {}, r"items\[0\]\.path"),
        (_item("a", "x\0"), {}, r"items\[0\]\.path"),
        (_item("z", "x"), {}, r"items\[0\]\.key"),
        ({"configMap": {"name": "cfg", "defaultMode": 0o4777}}, {}, r"configMap\.defaultMode"),
        ({"configMap": {"name": "cfg"}}, {"subPath": "z"}, r"volumeMounts\[0\]\.subPath"),
        ({"emptyDir": {}}, {"subPath": "../../etc"}, r"volumeMounts\[0\]\.subPath"),
        ({"emptyDir": {}}, {"subPath": "a,/etc"}, r"volumeMounts\[0\]\.subPath"),
        ({"emptyDir": {}}, {"mountPath": "v"}, r"volumeMounts\[0\]\.mountPath"),
        ({"emptyDir": {}}, {"mountPath": "/v,/etc:/etc"}, r"volumeMounts\[0\]\.mountPath"),
        ({"emptyDir": {}}, {"mountPath": "/"}, r"volumeMounts\[0\]\.mountPath"),
        ({"emptyDir": {}}, {"mountPath": "/a\0b"}, r"volumeMounts\[0\]\.mountPath"),
        ({"emptyDir": {}}, {"name": "w"}, r"volumeMounts\[0\]\.name"),
        ({"hostPath": {"path": "/x", "type": "Odd"}}, {}, r"hostPath\.type"),
        ({"hostPath": {"path": "x"}}, {}, r"hostPath\.path"),
        ({"name": "../v", "emptyDir": {}}, {}, r"spec\.volumes\[0\]\.name"),
        ({}, {}, r"spec\.volumes\[0\]"),
    ],
)  # fmt: skip
def test_a_volume_that_cannot_be_had_is_refused_with_its_field(plan, volume, mount, field):
    with pytest.raises(InvalidRequest, match=field):
        _with(plan, volume, mount, {"configMaps": [_CONFIG]})


def test_a_script_that_grows_too_large_is_refused_with_its_size(plan):
    big = {"metadata": {"name": "cfg"}, "data": {"a": "x" * 100_000}}
    settings = PodSettings(max_script_bytes=100_000)
    with pytest.raises(InvalidRequest, match=r"\d{6} bytes.*100000"):
        _with(plan, {"configMap": {"name": "cfg"}}, sent={"configMaps": [big]}, settings=settings,
              shared_fs=False)  # fmt: skip
