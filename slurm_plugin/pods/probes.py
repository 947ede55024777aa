"""Probes of a container as data for the bash library (`slurm_plugin.pods.bash`).

Fields, defaults and limits are Kubernetes' (core/v1 Probe; defaults in
pkg/apis/core/v1/defaults.go, limits in pkg/apis/core/validation).
"""

import re
import shlex

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.manifest import (
    Container,
    ContainerPort,
    GrpcAction,
    Handler,
    HttpGetAction,
    Probe,
    TcpSocketAction,
)
from slurm_plugin.pods.quoting import shown

# The job's own node, where a pod would have its address; as a number, since looking up a name
# costs more than the probe.
_OWN_HOST = "127.0.0.1"

_HOST = re.compile(r"[A-Za-z0-9._:-]+")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_PATH = re.compile(r"[\x21-\x7e]+")
_HIGHEST_PORT = 65535


def declarations(index: int, container: Container, *, field: str) -> list[str]:
    """Lines of bash that declare a container's probes; empty when it has none.

    Args:
        index: the container's place in the script's `sp_names`.
        container: the container of the spec.
        field: the container's path for messages, e.g. `spec.containers[0]`.

    Raises:
        InvalidRequest: a field is wrong; the message names it.
    """
    lines: list[str] = []
    kinds = (
        ("startupProbe", container.startup_probe),
        ("readinessProbe", container.readiness_probe),
        ("livenessProbe", container.liveness_probe),
    )
    for kind, (name, probe) in enumerate(kinds):
        if probe is None:
            continue
        path = f"{field}.{name}"
        number = 3 * index + kind
        check = _probe_command(index, container, probe, path)
        lines.append(_settings(number, probe, path, readiness=kind == 1))
        lines.append(f"sp_probe_check_{number}() {{ {check}; }}")
    return lines


def handler_command(index: int, container: Container, handler: Handler, field: str) -> str | None:
    """The bash command of an exec, httpGet or tcpSocket action; None when there is no action."""
    found: list[str] = []
    ports = container.ports or []
    if handler.exec is not None:
        found.append(_exec_command(index, handler.exec.command, f"{field}.exec.command"))
    if handler.http_get is not None:
        found.append(_http_command(handler.http_get, ports, f"{field}.httpGet"))
    if handler.tcp_socket is not None:
        found.append(_tcp_command(handler.tcp_socket, ports, f"{field}.tcpSocket"))
    return _only_one(found, field)


def _probe_command(index: int, container: Container, probe: Probe, field: str) -> str:
    command = handler_command(index, container, probe, field)
    if probe.grpc is not None:
        grpc = _grpc_command(probe.grpc, f"{field}.grpc")
        command = _only_one([grpc] if command is None else [command, grpc], field)
    if command is None:
        raise InvalidRequest(f"{field}: name one of exec, httpGet, tcpSocket and grpc")
    return command


def _only_one(found: list[str], field: str) -> str | None:
    if len(found) > 1:
        raise InvalidRequest(f"{field}: name only one action, not {len(found)}")
    return found[0] if found else None


def _settings(number: int, probe: Probe, field: str, *, readiness: bool) -> str:
    """Seconds and counts; zero stands for the default, as in Kubernetes' defaulting."""
    values = {
        "delay": _count(probe.initial_delay_seconds, 0, f"{field}.initialDelaySeconds"),
        "period": _count(probe.period_seconds, 10, f"{field}.periodSeconds"),
        "timeout": _count(probe.timeout_seconds, 1, f"{field}.timeoutSeconds"),
        "success": _count(probe.success_threshold, 1, f"{field}.successThreshold"),
        "failure": _count(probe.failure_threshold, 3, f"{field}.failureThreshold"),
    }
    if not readiness and values["success"] != 1:
        raise InvalidRequest(f"{field}.successThreshold: must be 1, except for a readiness probe")
    if probe.termination_grace_period_seconds is not None:
        name = f"{field}.terminationGracePeriodSeconds"
        if readiness:
            raise InvalidRequest(f"{name}: a readiness probe ends no container, leave it out")
        values["grace"] = _count(probe.termination_grace_period_seconds, 1, name)
    return " ".join(f"sp_probe_{name}[{number}]={value}" for name, value in values.items())


def _count(value: int | None, default: int, field: str) -> int:
    if value is not None and value < 0:
        raise InvalidRequest(f"{field}: {value} is negative")
    return value or default


def _exec_command(index: int, command: list[str] | None, field: str) -> str:
    if not command:
        raise InvalidRequest(f"{field}: name the command to run")
    if any("\0" in word for word in command):
        raise InvalidRequest(f"{field}: a word holds a NUL character")
    return shlex.join(["sp_check_exec", str(index), *command])


def _http_command(action: HttpGetAction, ports: list[ContainerPort], field: str) -> str:
    scheme = (action.scheme or "HTTP").upper()
    if scheme not in {"HTTP", "HTTPS"}:
        raise InvalidRequest(f"{field}.scheme: {shown(scheme)} is neither HTTP nor HTTPS")
    host = _host(action.host, field)
    port = _port(action.port, ports, field)
    path = action.path or "/"
    path = path if path.startswith("/") else f"/{path}"
    _require(_PATH, path, f"{field}.path", "use printable ASCII, percent-encode the rest")
    headers = _headers(action, f"{host}:{port}", field)
    return shlex.join(["sp_check_http", scheme, host, str(port), path, *headers])


def _headers(action: HttpGetAction, authority: str, field: str) -> list[str]:
    """The request's headers: the pod's, and kubelet's where the pod has none of that name."""
    given = [(header.name, header.value or "") for header in action.http_headers or []]
    for place, (name, value) in enumerate(given):
        path = f"{field}.httpHeaders[{place}]"
        _require(_HEADER_NAME, name, f"{path}.name", "not a legal header name")
        if any(character in value for character in "\r\n\0"):
            raise InvalidRequest(f"{path}.value: holds a line break or NUL")
    known = {name.lower() for name, _ in given}
    kubelet = [("Host", authority), ("User-Agent", "kube-probe/1.0"), ("Accept", "*/*")]
    missing = [(name, value) for name, value in kubelet if name.lower() not in known]
    return [f"{name}: {value}" for name, value in missing + given]


def _tcp_command(action: TcpSocketAction, ports: list[ContainerPort], field: str) -> str:
    host = _host(action.host, field)
    return shlex.join(["sp_check_tcp", host, str(_port(action.port, ports, field))])


def _grpc_command(action: GrpcAction, field: str) -> str:
    port = _port(action.port, [], field)
    service = action.service or ""
    if not service.isprintable():
        raise InvalidRequest(f"{field}.service: holds characters that can't be printed")
    return shlex.join(["sp_check_grpc", _OWN_HOST, str(port), service])


def _host(host: str | None, field: str) -> str:
    if not host:
        return _OWN_HOST
    _require(_HOST, host, f"{field}.host", "not a host name or address")
    return host


def _port(port: int | str, ports: list[ContainerPort], field: str) -> int:
    """A port's number; a name is looked up in the container's ports."""
    named = {item.name: item.container_port for item in ports if item.name}
    name = f"{field}.port"
    if isinstance(port, str) and port in named:
        port = named[port]
    if isinstance(port, str) and port.isascii() and port.isdecimal():
        port = int(port)
    if isinstance(port, str):
        raise InvalidRequest(f"{name}: the container has no port named {shown(port)}")
    if not 0 < port <= _HIGHEST_PORT:
        raise InvalidRequest(f"{name}: {port} is not between 1 and {_HIGHEST_PORT}")
    return port


def _require(pattern: re.Pattern[str], value: str, field: str, remedy: str) -> None:
    if not pattern.fullmatch(value):
        raise InvalidRequest(f"{field}: {shown(value)}: {remedy}")
