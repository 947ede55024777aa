"""Volumes of every kind, as a container sees them."""

import base64
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.client import Client, container, exit_codes, pod
from tests.cluster.conftest import until

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
BYTES = bytes(range(256))


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def volume(name: str, kind: str, /, **fields: Any) -> dict[str, Any]:
    return {"name": name, kind: fields}


def mount(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "mountPath": path, **more}


def output(client: Client, sent: dict[str, Any], **data: Any) -> str:
    """Run a pod of one container `main`; its log."""
    client.create(sent, **data).json()
    codes = exit_codes(client.wait_ended(sent))
    log = client.log(sent, "main")
    assert codes["main"] == 0, log
    return log


def test_config_maps_with_items_modes_and_binary_data(client: Client, image: str) -> None:
    items = [
        {"key": "script", "path": "bin/tool", "mode": 0o755},
        {"key": "text", "path": "text"},
        {"key": "binary", "path": "binary"},
    ]
    config_map = {
        "metadata": {"name": "cm"},
        "data": {"script": "#!/bin/sh\necho from tool\n", "text": "a'b\"$c\n", "unused": "x"},
        "binaryData": {"binary": base64_text(BYTES)},
    }
    script = (
        "cd /data; bin/tool; cat text; find . -type f | sort;"
        " sha256sum binary | cut -c1-16; stat -c %a text bin/tool"
    )
    sent = pod(
        container("main", script, image, volumeMounts=[mount("v", "/data")]),
        volumes=[volume("v", "configMap", name="cm", items=items, defaultMode=0o440)],
    )
    log = output(client, sent, main={"configMaps": [config_map]})
    assert log == ("from tool\na'b\"$c\n./bin/tool\n./binary\n./text\n40aff2e9d2d8922e\n440\n755\n")


def test_secrets_and_pem_with_literal_newlines(client: Client, image: str) -> None:
    flat = PEM.strip().replace("\n", "\\n")
    secret = {
        "metadata": {"name": "s"},
        "data": {"password": base64_text(b"p$w`d\n")},
        "stringData": {"tls.crt": flat},
    }
    script = "cd /data; cat password tls.crt; stat -c %a password"
    sent = pod(
        container("main", script, image, volumeMounts=[mount("v", "/data", readOnly=True)]),
        volumes=[volume("v", "secret", secretName="s", defaultMode=0o400)],
    )
    assert output(client, sent, main={"secrets": [secret]}) == f"p$w`d\n{PEM.strip()}400\n"


def test_projected_volumes_hold_token_and_certificate(client: Client, image: str) -> None:
    projected = {"metadata": {"name": "v"}, "data": {"token": "eyJ", "ca.crt": PEM}}
    script = "cd /data; cat token ca.crt; stat -c %a token"
    sent = pod(
        container("main", script, image, volumeMounts=[mount("v", "/data")]),
        volumes=[{"name": "v", "projected": {"sources": [], "defaultMode": 0o440}}],
    )
    assert output(client, sent, main={"projectedvolumemaps": [projected]}) == f"eyJ{PEM}440\n"


def test_the_downward_api_from_the_pods_own_metadata(client: Client, image: str) -> None:
    items = [
        {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}},
        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
    ]
    sent = pod(
        container("main", "cd /data; cat name labels", image, volumeMounts=[mount("v", "/data")]),
        volumes=[volume("v", "downwardAPI", items=items)],
    )
    sent["metadata"]["labels"] = {"b": 'q"', "a": "1"}
    assert output(client, sent) == 'testa="1"\nb="q\\""'


def test_an_optional_volume_that_was_not_sent_is_empty(client: Client, image: str) -> None:
    sent = pod(
        container("main", "ls -A /data; echo end", image, volumeMounts=[mount("v", "/data")]),
        volumes=[volume("v", "configMap", name="nosuch", optional=True)],
    )
    assert output(client, sent) == "end\n"


@pytest.mark.parametrize("medium", ["", "Memory"])
def test_empty_dirs_are_shared_and_go(client: Client, image: str, medium: str) -> None:
    mounts = {"volumeMounts": [mount("v", "/work")]}
    sent = pod(
        container("main", "cat /work/x; df -P /work | tail -n 1 | cut -d' ' -f1", image, **mounts),
        init=[container("init", "echo made >/work/x", image, **mounts)],
        volumes=[volume("v", "emptyDir", medium=medium)],
    )
    log = output(client, sent)
    assert log.startswith("made\n")
    if medium:
        assert log.split()[1] in ("tmpfs", "shm")
        left = Path(f"/dev/shm/slurm-plugin-{sent['metadata']['uid']}-v")
        until(lambda: not left.exists(), 20)


def test_sub_paths_of_an_empty_dir_and_a_config_map(client: Client, image: str) -> None:
    config_map = {"metadata": {"name": "cm"}, "data": {"a": "one\n", "b": "two\n"}}
    writer = {
        "volumeMounts": [mount("e", "/work", subPathExpr="of-$(WHO)")],
        "env": [{"name": "WHO", "value": "me"}],
    }
    reader = {
        "volumeMounts": [mount("e", "/data"), mount("c", "/etc/hosts", subPath="b")],
    }
    sent = pod(
        container("main", "cat /data/of-me/x /etc/hosts", image, **reader),
        init=[container("init", "echo deep >/work/x", image, **writer)],
        volumes=[volume("e", "emptyDir"), volume("c", "configMap", name="cm")],
    )
    assert output(client, sent, main={"configMaps": [config_map]}) == "deep\ntwo\n"


def test_host_paths_are_made_or_checked_on_the_node(client: Client, image: str) -> None:
    place = f"/tmp/host-path-{uuid.uuid4()}"
    script = "echo written >/data/x; cat /etc/hosts"
    mounts = [mount("d", "/data"), mount("f", "/etc/hosts")]
    sent = pod(
        container("main", script, image, volumeMounts=mounts),
        volumes=[
            volume("d", "hostPath", path=f"{place}/made", type="DirectoryOrCreate"),
            volume("f", "hostPath", path="/etc/hostname", type="File"),
        ],
    )
    assert output(client, sent) == Path("/etc/hostname").read_text()
    assert Path(f"{place}/made/x").exists()


def test_a_host_path_that_is_not_there_says_so(client: Client, image: str) -> None:
    sent = pod(
        container("main", "true", image, volumeMounts=[mount("d", "/data")]),
        volumes=[volume("d", "hostPath", path="/nosuch/place", type="Directory")],
    )
    client.create(sent).json()
    assert exit_codes(client.wait_ended(sent))["main"] != 0
    assert "/nosuch/place is no Directory" in client.log(sent, "main")


def test_what_is_read_only_cant_be_written(client: Client, image: str) -> None:
    config_map = {"metadata": {"name": "cm"}, "data": {"a": "one\n"}}
    script = "echo x >/data/new; echo x >/work/new; cat /data/a; ls /data /work"
    mounts = [mount("c", "/data"), mount("e", "/work", readOnly=True)]
    sent = pod(
        container("main", f"exec 2>/dev/null; {script}", image, volumeMounts=mounts),
        volumes=[volume("c", "configMap", name="cm"), volume("e", "emptyDir")],
    )
    log = output(client, sent, main={"configMaps": [config_map]})
    assert log.startswith("one\n")
    # Charliecloud has no read-only mounts; there the files' own modes protect.
    assert ("new" in log) == (not image.endswith(".sif"))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (volume("v", "persistentVolumeClaim", claimName="c"), "persistentVolumeClaim"),
        (volume("v", "nfs", server="s", path="/"), "spec.volumes[0]"),
        (volume("v", "configMap", name="nosuch"), "configMap.name"),
        (volume("v", "hostPath", path="../etc"), "hostPath.path"),
        (volume("v", "hostPath", path="/x/../etc"), "hostPath.path"),
        (volume("v", "hostPath", path="/x", type="Odd"), "hostPath.type"),
        (volume("../v", "emptyDir"), "spec.volumes[0].name"),
    ],
)
def test_volumes_that_cant_be_had_are_refused_by_name(
    client: Client, image: str, wrong: dict[str, Any], field: str
) -> None:
    sent = pod(
        container("main", "true", image, volumeMounts=[mount(wrong["name"], "/data")]),
        volumes=[wrong],
    )
    answer = client.create(sent)
    assert answer.status in (400, 422), answer.text
    assert field in answer.text
