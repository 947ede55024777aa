"""A file as kubectl takes it becomes what interLink's API server would send."""

import base64

import msgspec
import pytest

from slurm_plugin.api.wire import Decoders
from slurm_plugin.client.manifests import read_manifest
from slurm_plugin.errors import InvalidRequest


def test_variables_are_resolved_as_the_virtual_kubelet_does(pod_file):
    (main,) = read_manifest(pod_file).pod["spec"]["containers"]
    values = {one["name"]: one.get("value") for one in main["env"]}
    assert values == {
        "P_greeting": "good day",
        "PLAIN": "x",
        "GREETING": "good day",
        "PASSWORD": "hush",
        "ABSENT": "",
        "NODE": None,
    }
    assert "envFrom" not in main


def test_the_request_is_one_that_the_plugin_decodes(pod_file):
    manifest = read_manifest(pod_file).with_uid("u-1")
    request = Decoders().create(msgspec.json.encode(manifest.create_request()))
    assert request.pod.metadata.namespace == "default"
    assert request.pod.metadata.uid == "u-1"
    assert [one.name for one in request.container] == ["first", "main"]
    (config_map,) = request.container[1].config_maps
    assert config_map.data == {"greeting": "good day"}
    (secret,) = request.container[1].secrets
    assert base64.b64decode(secret.data["password"]) == b"hush"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds 0 Pods"),
        ("kind: Pod\nmetadata: {}\nspec: {}\n---\nkind: Pod\n", "holds 2 Pods"),
        ("kind: Pod\n", "no metadata or no spec"),
        ("{", "not YAML"),
        ("- 1\n", "not a mapping"),
        (
            "metadata: {name: x}\nspec: {containers: [{envFrom: [{secretRef: {name: s}}]}]}",
            "Secret 's' is not in the file",
        ),
        (
            "metadata: {name: x}\nspec: {}\n---\nkind: Secret\nmetadata: {name: s}\ndata: {a: '%'}",
            "Secret 's'",
        ),
    ],
)
def test_files_that_can_not_be_used_say_why(tmp_path, text, said):
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(InvalidRequest, match=said):
        read_manifest(path)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(InvalidRequest, match="No such file"):
        read_manifest(tmp_path / "nosuch")
