"""The keys of the config file, and what is said about those that are not."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel

from slurm_plugin.config.settings import Flavor, Settings, Taint

_WITHOUT_EFFECT: Final = MappingProxyType(
    {
        "SingularityPrefix": "set CommandPrefix or SingularityPath instead",
        "EnrootPrefix": "set CommandPrefix or EnrootPath instead",
        "Namespace": "pods bring their own namespace",
        "VKConfigPath": "the Virtual Kubelet reads its own file",
    }
)


def room_of_each_key() -> dict[str, str]:
    """Name of the part of the settings tree that holds each key."""
    return {
        key: room
        for room, field in Settings.model_fields.items()
        for key in aliases(_model(field.annotation))
    }


def aliases(model: type[BaseModel]) -> list[str]:
    """The keys of a part of the tree, as the file spells them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def keep_known(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Drop what the plugin has no use for; null counts as not given.

    Returns:
        What is left, and a warning for each unknown key.
    """
    known = room_of_each_key()
    kept = {key: value for key, value in given.items() if key in known and value is not None}
    warnings = [_unknown(key, known) for key in given if key not in known]
    if isinstance(kept.get("Flavors"), dict):
        flavors = kept["Flavors"].items()
        kept["Flavors"] = {
            str(name): _inner(flavor, Flavor, f"Flavors.{name}", warnings)
            for name, flavor in flavors
        }
    if isinstance(kept.get("Taints"), list):
        kept["Taints"] = [
            _inner(taint, Taint, f"Taints.{place}", warnings)
            for place, taint in enumerate(kept["Taints"], start=1)
        ]
    return kept, warnings


def _inner(given: Any, model: type[BaseModel], where: str, warnings: list[str]) -> Any:
    if not isinstance(given, dict):
        return {} if given is None else given
    known = aliases(model)
    warnings += [_unknown(str(key), known, f"{where}.") for key in given if key not in known]
    return {key: value for key, value in given.items() if key in known and value is not None}


def _unknown(key: str, known: Iterable[str], where: str = "") -> str:
    if not where and key in _WITHOUT_EFFECT:
        return f"{key} has no effect, as in the Go plugin: remove it; {_WITHOUT_EFFECT[key]}"
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(key.lower(), by_lower, n=1)
    hint = f"; did you mean {by_lower[close[0]]}?" if close else ""
    return f"{where}{key} is not a config key and is ignored{hint}"


def _model(annotation: Any) -> type[BaseModel]:
    assert isinstance(annotation, type)
    assert issubclass(annotation, BaseModel)
    return annotation
