"""What one value alone can't show: values that must fit each other or the plugin's grammars."""

import ipaddress
import shlex
from collections.abc import Iterator
from typing import Final

from slurm_plugin.config.settings import (
    CapacitySettings,
    Flavor,
    PodSettings,
    ServiceSettings,
    Settings,
    SlurmSettings,
    TelemetrySettings,
)
from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.quantities import site_memory_mib
from slurm_plugin.slurm.options import parse_words

UNIX_SCHEME: Final = "unix://"
# unix(7): sun_path has 108 bytes with the closing NUL.
_LONGEST_SOCKET_PATH: Final = 107


def problems(settings: Settings) -> list[str]:
    """One sentence for each thing that can't work."""
    return [
        *_socket(settings.service),
        *_commands(settings.slurm),
        *_flavors(settings.pods),
        *_memory("DefaultMemory", settings.pods.default_memory),
        *_memory("MaxLogSize", settings.pods.max_log_size),
        *_tsocks(settings.pods),
        *_tls(settings.telemetry),
        *_resource_script(settings.capacity),
        *_folder(settings),
    ]


def warnings(settings: Settings) -> list[str]:
    """One sentence for each thing that works, but hardly as it was meant."""
    return [*_open_address(settings.service), *_root_jobs(settings.pods)]


def _socket(service: ServiceSettings) -> Iterator[str]:
    if not service.socket:
        return
    path = service.socket.removeprefix(UNIX_SCHEME)
    if path == service.socket or not path.startswith("/"):
        yield f"Socket must be empty or unix:///path, not {service.socket!r}"
    elif len(path.encode()) > _LONGEST_SOCKET_PATH:
        yield f"Socket must be a path of at most {_LONGEST_SOCKET_PATH} bytes"
    elif "\0" in path:
        yield "Socket must not hold a NUL"


def _commands(slurm: SlurmSettings) -> Iterator[str]:
    for name, field in SlurmSettings.model_fields.items():
        if not name.endswith("_path"):
            continue
        value = getattr(slurm, name)
        try:
            words = shlex.split(value)
        except ValueError:
            yield f"{field.alias} has an unclosed quotation mark: {value!r}"
            continue
        if not words:
            yield f"{field.alias} must name a command; remove the key to have the default"


def _flavors(pods: PodSettings) -> Iterator[str]:
    seen: dict[str, str] = {}
    for key, flavor in pods.flavors.items():
        name = flavor.name or key
        if not name.strip() or not name.isprintable():
            yield f"Flavors.{key} must have a name of printable characters"
        if name in seen:
            yield f"Flavors.{key} has the same name as Flavors.{seen[name]}: {name}"
        seen[name] = key
        yield from _memory(f"Flavors.{key}.MemoryDefault", flavor.memory_default)
        yield from _flags(f"Flavors.{key}.SlurmFlags", flavor)


def _flags(where: str, flavor: Flavor) -> Iterator[str]:
    for flag in flavor.slurm_flags:
        if not flag.startswith("-"):
            yield f"{where} must hold options that begin with -, not {flag!r}"
            return
    try:
        parse_words(flavor.slurm_flags)
    except InvalidRequest as error:
        yield f"{where}: {error}"


def _memory(where: str, text: str) -> Iterator[str]:
    if not text:
        return
    try:
        site_memory_mib(text, where)
    except InvalidRequest as error:
        yield f"{error}; write for example 16G, 32000M or 1024K"


def _tsocks(pods: PodSettings) -> Iterator[str]:
    if pods.tsocks and not pods.tsocks_path:
        yield "TsocksPath must name the tsocks library when Tsocks is on"
    if pods.tsocks and not pods.tsocks_login_node:
        yield "TsocksLoginNode must name a host when Tsocks is on"


def _tls(telemetry: TelemetrySettings) -> Iterator[str]:
    if not telemetry.enable_tracing or not telemetry.telemetry_ca_crt_file_path:
        return
    if not telemetry.telemetry_client_crt_file_path:
        yield "TelemetryClientCrtFilePath is required when TelemetryCaCrtFilePath is set"
    if not telemetry.telemetry_client_key_file_path:
        yield "TelemetryClientKeyFilePath is required when TelemetryCaCrtFilePath is set"


def _resource_script(capacity: CapacitySettings) -> Iterator[str]:
    try:
        words = shlex.split(capacity.resource_script_path)
    except ValueError as error:
        yield f"ResourceScriptPath can't be split into words: {error}"
        return
    if capacity.resource_script_path and not words:
        yield "ResourceScriptPath must name a program or be empty"


def _folder(settings: Settings) -> Iterator[str]:
    if "\0" in str(settings.jobs.data_root_folder):
        yield "DataRootFolder must not hold a NUL"


def _open_address(service: ServiceSettings) -> Iterator[str]:
    if service.socket or service.listen == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(service.listen.strip("[]")).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        yield (
            f"Listen is {service.listen!r}: whoever reaches this address can submit jobs and "
            "read logs; keep it behind a firewall"
        )


def _root_jobs(pods: PodSettings) -> Iterator[str]:
    if pods.allow_root_jobs:
        return
    if pods.default_uid == 0:
        yield "DefaultUID is 0, but jobs as root are refused unless AllowRootJobs is on"
    for key, flavor in pods.flavors.items():
        if flavor.uid == 0:
            yield f"Flavors.{key}.UID is 0, but jobs as root are refused unless AllowRootJobs is on"
