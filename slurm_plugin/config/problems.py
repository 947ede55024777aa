"""Pydantic's errors as sentences that name the key."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from slurm_plugin.config.environment import variable_of

_MUST: Final[Mapping[str, str]] = MappingProxyType(
    {
        "int_type": "must be a whole number",
        "int_parsing": "must be a whole number",
        "int_from_float": "must be a whole number",
        "float_type": "must be a number",
        "float_parsing": "must be a number",
        "finite_number": "must be a finite number",
        "string_type": "must be text (put it in quotes)",
        "bool_type": "must be true or false",
        "bool_parsing": "must be true or false",
        "tuple_type": "must be a list",
        "dict_type": "must be a mapping",
        "model_type": "must be a mapping",
        "path_type": "must be a path",
        "missing": "is missing",
    }
)
_WITH_LIMIT: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = MappingProxyType(
    {
        "greater_than": lambda limit: f"must be greater than {limit['gt']:g}",
        "greater_than_equal": lambda limit: f"must be at least {limit['ge']:g}",
        "less_than_equal": lambda limit: f"must be at most {limit['le']:.0f}",
        "literal_error": lambda limit: f"must be {limit['expected']}",
        "value_error": lambda limit: str(limit["error"]),
    }
)
# Operators put tokens there; a message that quotes one would end up in the log.
_NOT_QUOTED: Final = "JobEnvironment"
_LONGEST = 80


def sentences(error: ValidationError, from_environment: Mapping[str, object]) -> list[str]:
    """One sentence for each error.

    Args:
        error: what the validation of the whole tree found.
        from_environment: keys that environment variables have set.
    """
    return [_sentence(detail, from_environment) for detail in error.errors(include_url=False)]


def _sentence(detail: ErrorDetails, from_environment: Mapping[str, object]) -> str:
    key, *inner = detail["loc"][1:] or detail["loc"]
    # Lists count from 1 for people.
    where = ".".join([str(key), *(str(p + 1) if isinstance(p, int) else p for p in inner)])
    variable = variable_of(str(key)) if key in from_environment else None
    source = f" (environment variable {variable})" if variable else ""
    return f"{where}{source} {_must(detail)}{_instead(detail, str(key))}"


def _must(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind in _WITH_LIMIT:
        return _WITH_LIMIT[kind](detail.get("ctx", {}))
    return _MUST.get(kind) or f"is wrong: {detail['msg']}"


def _instead(detail: ErrorDetails, key: str) -> str:
    value = detail["input"]
    if detail["type"] == "missing" or key == _NOT_QUOTED or isinstance(value, dict | list):
        return ""
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return f", not {shown[:_LONGEST]}"
