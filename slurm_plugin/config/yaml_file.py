"""The config file as a mapping; problems name the line."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from slurm_plugin.errors import ConfigError


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses a key that stands twice, as the Go plugin's reader does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"{key.value} stands twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a config file.

    Raises:
        FileNotFoundError: there is none.
        ConfigError: it can't be read or is not a YAML mapping.
    """
    try:
        loaded = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - safe
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError([f"config file {path} can't be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"config file {path} is not UTF-8 text"]) from error
    except yaml.MarkedYAMLError as error:
        raise ConfigError([f"config file {path}{_line(error)}: {_what(error)}"]) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        # ValueError: SafeLoader builds dates and numbers and lets their errors through.
        first = str(error).partition("\n")[0]
        raise ConfigError([f"config file {path} is not YAML: {first}"]) from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ConfigError([f"config file {path} must hold lines of the form `Key: value`"])
    return {str(key): value for key, value in loaded.items()}


def _line(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f", line {mark.line + 1}" if mark else ""


def _what(error: yaml.MarkedYAMLError) -> str:
    return (error.problem or error.context or "not YAML").replace("\t", "\\t")
