"""What the client sent to fill volumes with: configMaps, secrets, projected volumes.

`items`, modes and `optional` are applied here; the client applies none of them (contract, 3.7).
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.environment import metadata_field
from slurm_plugin.pods.manifest import (
    ConfigMap,
    ConfigMapVolume,
    ContainerData,
    KeyToPath,
    ObjectMeta,
    Secret,
    SecretVolume,
    Volume,
)
from slurm_plugin.pods.quoting import relative_path, shown

_DEFAULT_MODE = 0o644
_HIGHEST_MODE = 0o777
_PEM = "-----BEGIN "


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file of a volume."""

    content: bytes
    mode: int


class Contents:
    """Everything that stands beside the pod, found by name."""

    def __init__(self, sent: Iterable[ContainerData]) -> None:
        self._config_maps: dict[str, ConfigMap] = {}
        self._projected: dict[str, ConfigMap] = {}
        self._secrets: dict[str, Secret] = {}
        for one in sent:
            for config_map in one.config_maps or []:
                self._config_maps[_name(config_map.metadata)] = config_map
            for projected in one.projected_volume_maps or []:
                self._projected[_name(projected.metadata)] = projected
            for secret in one.secrets or []:
                self._secrets[_name(secret.metadata)] = secret

    def config_map(self, volume: ConfigMapVolume, field: str) -> dict[str, FileContent]:
        """Files of a configMap volume; empty for one that is optional and was not sent.

        Raises:
            InvalidRequest: it is missing, or a key, path or mode is wrong.
        """
        found = self._config_maps.get(volume.name or "")
        if found is None and not volume.optional:
            raise InvalidRequest(f"{field}.name: configMap {shown(volume.name)} was not sent")
        data = _config_map_data(found, field) if found else {}
        return _selected(data, volume.items, volume.default_mode, bool(volume.optional), field)

    def secret(self, volume: SecretVolume, field: str) -> dict[str, FileContent]:
        """Files of a secret volume; as for configMaps.

        Raises:
            InvalidRequest: as for configMaps, or a value is not base64.
        """
        found = self._secrets.get(volume.secret_name or "")
        if found is None and not volume.optional:
            name = shown(volume.secret_name)
            raise InvalidRequest(f"{field}.secretName: secret {name} was not sent")
        data = _secret_data(found, field) if found else {}
        return _selected(data, volume.items, volume.default_mode, bool(volume.optional), field)

    def projected(self, volume: Volume, field: str, metadata: ObjectMeta) -> dict[str, FileContent]:
        """Files of a projected or downwardAPI volume.

        They come resolved under the volume's name. A client that sends none (contract, 3.7) has
        them off: what the pod's own metadata answers is filled in, the rest stays away.

        Raises:
            InvalidRequest: a path or mode is wrong.
        """
        mode = volume.projected.default_mode if volume.projected else None
        found = self._projected.get(volume.name)
        if found is not None:
            data = _config_map_data(found, field)
        else:
            data = _downward(volume.downward_api or {}, metadata)
        return _selected(data, None, mode, False, field)


def _name(metadata: ObjectMeta | None) -> str:
    return (metadata.name if metadata else None) or ""


def _config_map_data(found: ConfigMap, field: str) -> dict[str, bytes]:
    texts = {key: _text(value) for key, value in (found.data or {}).items()}
    return texts | {key: _decoded(v, field, key) for key, v in (found.binary_data or {}).items()}


def _secret_data(found: Secret, field: str) -> dict[str, bytes]:
    data = {key: _decoded(value, field, key) for key, value in (found.data or {}).items()}
    return data | {key: _text(value) for key, value in (found.string_data or {}).items()}


def _text(value: str) -> bytes:
    """Certificates whose newlines became two characters (contract, 3.7) get them back."""
    if value.startswith(_PEM) and "\n" not in value.strip() and "\\n" in value:
        value = value.replace("\\n", "\n")
    return value.encode(errors="surrogatepass")


def _decoded(value: str, field: str, key: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"{field}: the value of key {shown(key)} is not base64") from None


def _selected(
    data: Mapping[str, bytes],
    items: list[KeyToPath] | None,
    default_mode: int | None,
    optional: bool,
    field: str,
) -> dict[str, FileContent]:
    mode = _mode(default_mode, f"{field}.defaultMode", _DEFAULT_MODE)
    if items is None:
        return {
            relative_path(key, f"{field}: key"): FileContent(value, mode)
            for key, value in data.items()
        }
    files = {}
    for number, item in enumerate(items):
        place = f"{field}.items[{number}]"
        path = relative_path(item.path, f"{place}.path")
        if item.key in data:
            files[path] = FileContent(data[item.key], _mode(item.mode, f"{place}.mode", mode))
        elif not optional:
            raise InvalidRequest(f"{place}.key: {shown(item.key)} is not among the data")
    return files


def _mode(given: int | None, field: str, default: int) -> int:
    if given is None:
        return default
    if not 0 <= given <= _HIGHEST_MODE:
        raise InvalidRequest(f"{field}: {given} is not a file mode")
    return given


def _downward(source: Mapping[str, object], metadata: ObjectMeta) -> dict[str, bytes]:
    items = source.get("items")
    data = {}
    for item in items if isinstance(items, list) else []:
        reference = item.get("fieldRef") if isinstance(item, dict) else None
        if not isinstance(reference, dict):
            continue
        value = _downward_text(metadata, str(reference.get("fieldPath", "")))
        if value is not None:
            data[str(item.get("path", ""))] = value.encode(errors="surrogatepass")
    return data


def _downward_text(metadata: ObjectMeta, path: str) -> str | None:
    """Labels and annotations as Kubernetes writes them: sorted `key="value"` lines."""
    whole = {"metadata.labels": metadata.labels, "metadata.annotations": metadata.annotations}
    if path not in whole:
        return metadata_field(metadata, path)
    return "\n".join(f'{key}="{_escaped(v)}"' for key, v in sorted((whole[path] or {}).items()))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
