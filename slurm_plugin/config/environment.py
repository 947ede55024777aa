"""Environment variables that stand over the config file, as the Go plugin reads them.

An empty variable counts as unset. Values become what the file would hold under the same key.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

DEFAULT_CONFIG_PATH: Final = Path("/etc/interlink/SlurmConfig.yaml")
CONFIG_PATH_VARIABLE: Final = "SLURMCONFIGPATH"


class _Refused(ValueError):  # noqa: N818 - carries the sentence of a problem
    """A variable that can't be used as it stands."""


def _as_is(value: str) -> str:
    return value


def _true_or_false(value: str) -> bool:
    if value not in ("true", "false"):
        raise _Refused(f"must be true or false, not {value!r}")
    return value == "true"


def _existing_path(value: str) -> str:
    if not Path(value).exists():
        raise _Refused(f"names {value!r}, which does not exist")
    return value


def _is_true(value: str) -> bool:
    return value == "true"


def _is_one(value: str) -> bool:
    return value == "1"


_VARIABLES: Final[Mapping[str, tuple[str, Callable[[str], object]]]] = MappingProxyType(
    {
        "SIDECARPORT": ("SidecarPort", _as_is),
        "SBATCHPATH": ("SbatchPath", _as_is),
        "SCANCELPATH": ("ScancelPath", _as_is),
        "SINFOPATH": ("SinfoPath", _as_is),
        "SINGULARITYPATH": ("SingularityPath", _as_is),
        "TSOCKS": ("Tsocks", _true_or_false),
        "TSOCKSPATH": ("TsocksPath", _existing_path),
        "SHARED_FS": ("SharedFS", _is_true),
        "ENABLE_TRACING": ("EnableTracing", _is_one),
        "TELEMETRY_ENDPOINT": ("TelemetryEndpoint", _as_is),
        "TELEMETRY_UNIQUE_ID": ("TelemetryUniqueID", _as_is),
        "TELEMETRY_CA_CRT_FILEPATH": ("TelemetryCaCrtFilePath", _as_is),
        "TELEMETRY_CLIENT_CRT_FILEPATH": ("TelemetryClientCrtFilePath", _as_is),
        "TELEMETRY_CLIENT_KEY_FILEPATH": ("TelemetryClientKeyFilePath", _as_is),
    }
)
_ON: Final = MappingProxyType({"SHARED_FS": "true", "ENABLE_TRACING": "1"})
_OFF: Final = frozenset({"false", "0"})


def read_environment(
    environ: Mapping[str, str],
) -> tuple[dict[str, object], list[str], list[str]]:
    """Collect the variables that are set.

    Returns:
        Values by config key; problems; warnings. One sentence each.
    """
    values: dict[str, object] = {}
    problems: list[str] = []
    for variable, (key, convert) in _VARIABLES.items():
        if not environ.get(variable):
            continue
        try:
            values[key] = convert(environ[variable])
        except _Refused as error:
            problems.append(f"environment variable {variable} {error}")
    return values, problems, _warnings(environ)


def variable_of(key: str) -> str | None:
    """The environment variable that sets a config key, if there is one."""
    return next((name for name, (sets, _) in _VARIABLES.items() if sets == key), None)


def _warnings(environ: Mapping[str, str]) -> list[str]:
    warnings = [
        f"environment variable {variable}={environ[variable]!r} counts as off; "
        f"only {on!r} turns it on"
        for variable, on in _ON.items()
        if environ.get(variable) and environ[variable] not in (on, *_OFF)
    ]
    if environ.get("CUSTOMKUBECONF"):
        warnings.append(
            "environment variable CUSTOMKUBECONF has no effect, as in the Go plugin; remove it"
        )
    return warnings
