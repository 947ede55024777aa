"""What is refused in probes and hooks, and what the declarations hold."""

import msgspec
import pytest

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods import lifecycle, probes
from slurm_plugin.pods.bash import PARTS, library_text
from slurm_plugin.pods.manifest import Container

_TCP = {"tcpSocket": {"port": 80}}


def _declarations(module, **spec):
    container = msgspec.convert({"name": "c", **spec}, Container)
    return module.declarations(2, container, field="spec.containers[1]")


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        ({"httpGet": {"port": "web"}}, 'livenessProbe.httpGet.port: .*no port named "web"'),
        ({"httpGet": {"port": 0}}, "livenessProbe.httpGet.port: 0 is not between"),
        ({"httpGet": {"port": 65536}}, "livenessProbe.httpGet.port"),
        ({"httpGet": {"port": 80, "scheme": "FTP"}}, "livenessProbe.httpGet.scheme"),
        ({"httpGet": {"port": 80, "host": "a b"}}, "livenessProbe.httpGet.host"),
        ({"httpGet": {"port": 80, "path": "/a b"}}, "livenessProbe.httpGet.path"),
        (
            {"httpGet": {"port": 80, "httpHeaders": [{"name": "a:b"}]}},
            r"livenessProbe.httpGet.httpHeaders\[0\].name",
        ),
        (
            {"httpGet": {"port": 80, "httpHeaders": [{"name": "a", "value": "b\r\nc"}]}},
            r"livenessProbe.httpGet.httpHeaders\[0\].value",
        ),
        ({"tcpSocket": {"port": "x"}}, "livenessProbe.tcpSocket.port"),
        ({"grpc": {"port": 99999}}, "livenessProbe.grpc.port"),
        ({"grpc": {"port": 9, "service": "a\nb"}}, "livenessProbe.grpc.service"),
        ({"exec": {"command": []}}, "livenessProbe.exec.command"),
        ({"exec": {"command": ["a\0"]}}, "livenessProbe.exec.command"),
        ({}, "livenessProbe: name one of"),
        ({**_TCP, "exec": {"command": ["a"]}}, "livenessProbe: name only one"),
        ({**_TCP, "grpc": {"port": 9}}, "livenessProbe: name only one"),
        ({**_TCP, "periodSeconds": -1}, "livenessProbe.periodSeconds: -1 is negative"),
        ({**_TCP, "successThreshold": 2}, "livenessProbe.successThreshold: must be 1"),
    ],
)
def test_a_wrong_probe_is_refused_with_its_field(probe, message):
    with pytest.raises(InvalidRequest, match=r"^spec\.containers\[1\]\." + message):
        _declarations(probes, livenessProbe=probe)


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        ({}, r"lifecycle\.preStop: name one of"),
        ({"sleep": {"seconds": -1}}, r"lifecycle\.preStop\.sleep\.seconds"),
        ({"sleep": {"seconds": 1}, **_TCP}, r"lifecycle\.preStop: name only one"),
        ({"httpGet": {"port": "web"}}, r"lifecycle\.preStop\.httpGet\.port"),
    ],
)
def test_a_wrong_hook_is_refused_with_its_field(hook, message):
    with pytest.raises(InvalidRequest, match=r"^spec\.containers\[1\]\." + message):
        _declarations(lifecycle, lifecycle={"preStop": hook})


def test_a_grace_of_its_own_is_refused_for_a_readiness_probe():
    probe = {**_TCP, "terminationGracePeriodSeconds": 3}
    with pytest.raises(InvalidRequest, match=r"readinessProbe\.terminationGracePeriodSeconds"):
        _declarations(probes, readinessProbe=probe)
    assert "sp_probe_grace[8]=3" in _declarations(probes, livenessProbe=probe)[0]


def test_absent_and_zero_settings_are_kubernetes_defaults():
    zero = {**_TCP, "periodSeconds": 0, "timeoutSeconds": 0}
    expected = (
        "sp_probe_delay[6]=0 sp_probe_period[6]=10 sp_probe_timeout[6]=1 "
        "sp_probe_success[6]=1 sp_probe_failure[6]=3"
    )
    assert _declarations(probes, startupProbe=_TCP)[0] == expected
    assert _declarations(probes, startupProbe=zero)[0] == expected


def test_a_container_without_probes_and_hooks_declares_nothing():
    assert _declarations(probes) == []
    assert _declarations(lifecycle) == []
    assert _declarations(lifecycle, lifecycle={}) == []


def test_the_pods_own_host_header_replaces_the_default():
    http = {"port": 80, "httpHeaders": [{"name": "HOST", "value": "example"}]}
    check = _declarations(probes, livenessProbe={"httpGet": http})[1]
    assert "'HOST: example'" in check
    assert "127.0.0.1:80" not in check


def test_the_library_holds_all_its_parts_and_nothing_for_the_linter():
    text = library_text()
    assert "sp_main()" in text
    assert len(PARTS) == len(set(PARTS))
    assert "# shellcheck shell=" not in text
