"""Names of images, by prefix rules; and whether and how they are pulled before the start."""

import hashlib
import re
from dataclasses import dataclass

from slurm_plugin.config.settings import PodSettings
from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.containers import PlacedContainer
from slurm_plugin.pods.quoting import checked, shown

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PULLED = re.compile(r"(docker|oras|library|shub|https?)://")
_POLICIES = ("Always", "IfNotPresent", "Never")


@dataclass(frozen=True, slots=True)
class Image:
    """An image as the runtime is told of it.

    Attributes:
        name: path or URI.
        policy: imagePullPolicy, Kubernetes' default filled in.
        cached: file in the cache that the job runs from; None to run from `name`.
    """

    name: str
    policy: str
    cached: str | None = None

    @property
    def pulled(self) -> bool:
        """Whether it comes from a registry."""
        return _PULLED.match(self.name) is not None

    @property
    def source(self) -> str:
        """What the runtime starts from."""
        return self.cached or self.name


def image_of(placed: PlacedContainer, image_root: str | None, settings: PodSettings) -> Image:
    """The image of a container.

    Args:
        placed: the container.
        image_root: annotation `slurm-job.vk.io/image-root`, stronger than `ImagePrefix`.
        settings: prefix and cache.

    Raises:
        InvalidRequest: there is no image, or its name would be taken for an option.
    """
    field = f"{placed.field}.image"
    given = checked(placed.container.image or "", field).strip()
    if not given:
        raise InvalidRequest(f"{field}: missing")
    name = _named(given, settings.image_prefix if image_root is None else image_root)
    checked(name, "annotation slurm-job.vk.io/image-root")
    if name.startswith("-") or any(ord(character) < 0x20 for character in name):  # noqa: PLR2004 - control characters
        raise InvalidRequest(f"{field}: {shown(name)} is not the name of an image")
    policy = placed.container.image_pull_policy or _default_policy(given)
    if policy not in _POLICIES:
        raise InvalidRequest(f"{field}PullPolicy: {shown(policy)} is none of {_POLICIES}")
    cached = _cache_file(name, settings) if _PULLED.match(name) else None
    return Image(name, policy, cached)


def _named(given: str, prefix: str) -> str:
    if given.startswith("/") or _SCHEME.match(given):
        return given
    return prefix + given


def _default_policy(name: str) -> str:
    """Kubernetes' rule: `latest` (said or meant) is always pulled."""
    last = name.rsplit("/", 1)[-1]
    tagged = "@" in last or (":" in last and not last.endswith(":latest"))
    return "IfNotPresent" if tagged else "Always"


def _cache_file(name: str, settings: PodSettings) -> str | None:
    if not settings.image_cache_dir:
        return None
    ending = "sqsh" if settings.container_runtime == "enroot" else "sif"
    digest = hashlib.sha256(name.encode()).hexdigest()[:40]
    return f"{settings.image_cache_dir.rstrip('/')}/{digest}.{ending}"
