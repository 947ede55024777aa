"""A YAML file as kubectl takes it becomes a create request, as interLink's API server makes it."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from slurm_plugin.errors import InvalidRequest

_CONTAINER_LISTS = ("initContainers", "containers")


@dataclass(frozen=True)
class Manifest:
    """One pod, and what its volumes and variables are filled from.

    Attributes:
        pod: the Pod document; `metadata.namespace` is filled in, variables are resolved.
        config_maps: ConfigMap documents of the pod's namespace.
        secrets: Secret documents, likewise; `stringData` became `data`.
    """

    pod: dict[str, Any]
    config_maps: list[dict[str, Any]]
    secrets: list[dict[str, Any]]

    @property
    def namespace(self) -> str:
        """The pod's namespace."""
        return str(self.pod["metadata"]["namespace"])

    @property
    def name(self) -> str:
        """The pod's name."""
        return str(self.pod["metadata"].get("name") or "")

    @property
    def uid(self) -> str:
        """The pod's UID; empty when the file names none."""
        return str(self.pod["metadata"].get("uid") or "")

    def with_uid(self, uid: str) -> "Manifest":
        """The same with this UID."""
        metadata = {**self.pod["metadata"], "uid": uid}
        return Manifest({**self.pod, "metadata": metadata}, self.config_maps, self.secrets)

    def create_request(self) -> dict[str, Any]:
        """The body of `/create` (contract, section 1.2)."""
        maps = {"configMaps": self.config_maps, "secrets": self.secrets}
        container = [{"name": one.get("name"), **maps} for one in _containers(self.pod)]
        return {"pod": self.pod, "container": container}


def read_manifest(path: Path) -> Manifest:
    """Read a file with one Pod and any ConfigMaps and Secrets.

    Raises:
        InvalidRequest: it can't be read, or does not hold exactly one Pod.
    """
    documents = list(_documents(path))
    pods = [one for one in documents if one.get("kind", "Pod") == "Pod"]
    if len(pods) != 1:
        raise InvalidRequest(f"{path}: holds {len(pods)} Pods, expected one")
    pod = pods[0]
    metadata, spec = pod.get("metadata"), pod.get("spec")
    if not isinstance(metadata, dict) or not isinstance(spec, dict):
        raise InvalidRequest(f"{path}: the Pod has no metadata or no spec")
    namespace = metadata.get("namespace") or "default"
    pod = {**pod, "metadata": {**metadata, "namespace": namespace}}
    config_maps = _of_kind(documents, "ConfigMap", namespace)
    secrets = [_encoded(one) for one in _of_kind(documents, "Secret", namespace)]
    return Manifest(_resolved(pod, config_maps, secrets), config_maps, secrets)


def _documents(path: Path) -> Iterator[dict[str, Any]]:
    try:
        for document in yaml.safe_load_all(path.read_text()):
            if isinstance(document, dict):
                yield document
            elif document is not None:
                raise InvalidRequest(f"{path}: a document is not a mapping")
    except OSError as error:
        raise InvalidRequest(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"{path}: not YAML: {' '.join(str(error).split())}") from error


def _of_kind(documents: list[dict[str, Any]], kind: str, namespace: str) -> list[dict[str, Any]]:
    found = [one for one in documents if one.get("kind") == kind]
    return [
        one for one in found if (_metadata(one).get("namespace") or "default") in ("", namespace)
    ]


def _metadata(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return document.get("metadata") or {}


def _encoded(secret: dict[str, Any]) -> dict[str, Any]:
    """The API server of Kubernetes moves `stringData` into `data`."""
    plain = secret.get("stringData") or {}
    data = {key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()}
    rest = {key: value for key, value in secret.items() if key != "stringData"}
    return {**rest, "data": {**(secret.get("data") or {}), **data}}


def _containers(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [one for name in _CONTAINER_LISTS for one in pod["spec"].get(name) or []]


def _resolved(
    pod: dict[str, Any], config_maps: list[dict[str, Any]], secrets: list[dict[str, Any]]
) -> dict[str, Any]:
    """Fill in what the Virtual Kubelet fills in: `envFrom`, and keys of ConfigMaps and Secrets."""
    sources = _Sources(config_maps, secrets)
    spec = dict(pod["spec"])
    for name in _CONTAINER_LISTS:
        if spec.get(name):
            spec[name] = [_with_environment(one, sources) for one in spec[name]]
    return {**pod, "spec": spec}


def _with_environment(container: dict[str, Any], sources: "_Sources") -> dict[str, Any]:
    env = [*sources.whole(container.get("envFrom") or [])]
    env += [sources.variable(one) for one in container.get("env") or []]
    rest = {key: value for key, value in container.items() if key not in ("env", "envFrom")}
    return {**rest, "env": env} if env else rest


class _Sources:
    """Values that variables may refer to, by kind and name."""

    def __init__(self, config_maps: list[dict[str, Any]], secrets: list[dict[str, Any]]) -> None:
        self._texts = {
            ("ConfigMap", _metadata(o).get("name")): o.get("data") or {} for o in config_maps
        }
        for secret in secrets:
            self._texts["Secret", _metadata(secret).get("name")] = _plain(secret)

    def whole(self, sources: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Variables of `envFrom`."""
        for source in sources:
            for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if key in source:
                    values = self._find(kind, source[key])
                    prefix = source.get("prefix") or ""
                    yield from ({"name": prefix + n, "value": v} for n, v in values.items())

    def variable(self, env: dict[str, Any]) -> dict[str, Any]:
        """One variable; what else `valueFrom` may name is the plugin's business."""
        given = env.get("valueFrom") or {}
        for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            if key in given:
                value = self._find(kind, given[key]).get(given[key].get("key"))
                if value is None and not given[key].get("optional"):
                    raise InvalidRequest(f"env {env.get('name')}: {kind} key is not in the file")
                return {"name": env.get("name"), "value": value or ""}
        return env

    def _find(self, kind: str, reference: Mapping[str, Any]) -> dict[str, str]:
        found = self._texts.get((kind, reference.get("name")))
        if found is None and not reference.get("optional"):
            raise InvalidRequest(f"{kind} {reference.get('name')!r} is not in the file")
        return found or {}


def _plain(secret: Mapping[str, Any]) -> dict[str, str]:
    try:
        data = secret["data"].items()
        return {key: base64.b64decode(value, validate=True).decode() for key, value in data}
    except (binascii.Error, ValueError, TypeError):
        name = _metadata(secret).get("name")
        raise InvalidRequest(f"Secret {name!r}: a value is not base64 of text") from None
