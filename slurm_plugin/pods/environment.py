"""A container's environment: resolved in the order of the request, written byte for byte.

The file holds `NAME=value` records, each ended by a NUL, which is the one byte that no value can
have: nothing has to be quoted, nothing is evaluated when it is read.
"""

import re
from collections.abc import Mapping

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.containers import PlacedContainer
from slurm_plugin.pods.expansion import expand_value
from slurm_plugin.pods.manifest import EnvVar, ObjectMeta
from slurm_plugin.pods.quoting import checked, shown

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INDEXED_FIELD = re.compile(r"metadata\.(labels|annotations)\['([^']*)'\]")


def resolve(
    placed: PlacedContainer, metadata: ObjectMeta, base: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The variables of a container and notes about those left out.

    Args:
        placed: the container.
        metadata: of the pod, for field references that the client left.
        base: variables that the plugin adds; the pod's own win.

    Raises:
        InvalidRequest: a value can't be carried or is not resolved.
    """
    variables = dict(base)
    notes = []
    for number, entry in enumerate(placed.container.env or []):
        field = f"{placed.field}.env[{number}]"
        if not entry.name or "=" in checked(entry.name, f"{field}.name"):
            raise InvalidRequest(f"{field}.name: {shown(entry.name)} is not a variable's name")
        value = _value(entry, field, metadata, variables)
        if value is None:
            continue
        if not _IDENTIFIER.fullmatch(entry.name):
            notes.append(f"{field}: {shown(entry.name)} is left out: no shell can export that name")
            continue
        variables[entry.name] = value
    return variables, tuple(notes)


def encode(variables: Mapping[str, str]) -> bytes:
    """Content of the environment file."""
    return b"".join(f"{name}={value}".encode() + b"\0" for name, value in variables.items())


def _value(
    entry: EnvVar, field: str, metadata: ObjectMeta, variables: Mapping[str, str]
) -> str | None:
    if entry.value_from and entry.value is None:
        return _referenced(entry.value_from, field, metadata)
    value = checked(entry.value or "", f"{field}.value")
    return expand_value(value, variables, f"{field}.value")


def _referenced(source: Mapping[str, object], field: str, metadata: ObjectMeta) -> str | None:
    """What the client could not resolve (contract, 3.7); None for an optional reference."""
    kind, reference = next(iter(source.items()))
    if not isinstance(reference, Mapping):
        raise InvalidRequest(f"{field}.valueFrom.{shown(kind)}: not an object")
    if kind == "fieldRef":
        found = metadata_field(metadata, str(reference.get("fieldPath", "")))
        if found is not None:
            return checked(found, field)
    if reference.get("optional") is True:
        return None
    raise InvalidRequest(f"{field}.valueFrom: the client did not resolve it")


def metadata_field(metadata: ObjectMeta, path: str) -> str | None:
    """A field of the downward API, as far as metadata holds it."""
    plain = {
        "metadata.name": metadata.name,
        "metadata.namespace": metadata.namespace,
        "metadata.uid": metadata.uid,
    }
    indexed = _INDEXED_FIELD.fullmatch(path)
    if indexed is None:
        return plain.get(path)
    entries = metadata.labels if indexed[1] == "labels" else metadata.annotations
    return (entries or {}).get(indexed[2], "")
