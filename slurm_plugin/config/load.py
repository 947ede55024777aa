"""Settings from defaults, config file, environment and command line, the later ones stronger."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from slurm_plugin.config import checks
from slurm_plugin.config.environment import (
    CONFIG_PATH_VARIABLE,
    DEFAULT_CONFIG_PATH,
    read_environment,
)
from slurm_plugin.config.keys import keep_known, room_of_each_key
from slurm_plugin.config.problems import sentences
from slurm_plugin.config.settings import Settings
from slurm_plugin.config.yaml_file import read_yaml
from slurm_plugin.errors import ConfigError


@dataclass(frozen=True)
class LoadedSettings:
    """Settings that can work.

    Attributes:
        settings: the tree.
        warnings: one sentence for each thing that an operator should know.
    """

    settings: Settings
    warnings: list[str]


def load_settings(
    path: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object],
    *,
    default_path: Path = DEFAULT_CONFIG_PATH,
) -> LoadedSettings:
    """Read the settings.

    Args:
        path: config file; None for the one that SLURMCONFIGPATH names, else the default one.
        environ: environment variables.
        overrides: values by config key, from the command line.
        default_path: where the config file is when nobody says.

    Raises:
        ConfigError: with everything that is wrong.
    """
    in_file, warnings = _read_file(path, environ, default_path)
    kept, about_keys = keep_known(in_file)
    in_environment, problems, about_environment = read_environment(environ)
    values = {**kept, **in_environment, **overrides}
    from_environment = {key: in_environment[key] for key in in_environment if key not in overrides}
    settings = _validated(values, from_environment, problems)
    settings, about_flavors = _settle_flavors(settings)
    everything = [*warnings, *about_keys, *about_environment, *about_flavors]
    return LoadedSettings(settings, [*everything, *checks.warnings(settings)])


def _read_file(
    path: Path | None, environ: Mapping[str, str], default_path: Path
) -> tuple[dict[str, Any], list[str]]:
    named = path or (Path(environ[CONFIG_PATH_VARIABLE]) if _is_named(environ) else None)
    try:
        return read_yaml(named or default_path), []
    except FileNotFoundError:
        if named:
            raise ConfigError([f"config file {named} does not exist"]) from None
        return {}, [f"config file {default_path} does not exist: the defaults hold"]


def _is_named(environ: Mapping[str, str]) -> bool:
    return bool(environ.get(CONFIG_PATH_VARIABLE))


def _validated(
    values: Mapping[str, object], from_environment: Mapping[str, object], problems: list[str]
) -> Settings:
    tree, errors = _built(values)
    if tree is None and errors is not None:
        problems = [*problems, *sentences(errors, from_environment)]
        # What is right is still checked, so that a second run does not bring new problems.
        wrong = {str((error["loc"][1:] or ("",))[0]) for error in errors.errors()}
        tree, _ = _built({key: value for key, value in values.items() if key not in wrong})
    if tree is not None:
        problems = [*problems, *checks.problems(tree)]
    if problems or tree is None:
        raise ConfigError(problems)
    return tree


def _built(values: Mapping[str, object]) -> tuple[Settings | None, ValidationError | None]:
    rooms = room_of_each_key()
    tree: dict[str, dict[str, object]] = {}
    for key, value in values.items():
        tree.setdefault(rooms[key], {})[key] = value
    try:
        return Settings.model_validate(tree), None
    except ValidationError as error:
        return None, error


def _settle_flavors(settings: Settings) -> tuple[Settings, list[str]]:
    """Flavors are found by their name; an unknown default one is dropped, as in Go."""
    flavors = {
        flavor.name or key: flavor.model_copy(update={"name": flavor.name or key})
        for key, flavor in settings.pods.flavors.items()
    }
    default = settings.pods.default_flavor
    warnings = []
    if default and default not in flavors:
        warnings = [f"DefaultFlavor {default!r} is not among the Flavors and is dropped"]
        default = ""
    pods = settings.pods.model_copy(update={"flavors": flavors, "default_flavor": default})
    return settings.model_copy(update={"pods": pods}), warnings
