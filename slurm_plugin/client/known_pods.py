"""UIDs of submitted pods whose file names none, so that later commands find them again."""

import os
import uuid
from collections.abc import Mapping
from pathlib import Path

from slurm_plugin.client.manifests import Manifest
from slurm_plugin.errors import InvalidRequest, StorageFailed


def state_directory(environ: Mapping[str, str]) -> Path:
    """Where the UIDs stand (XDG base directories: state)."""
    home = Path(environ.get("HOME") or "/")
    root = environ.get("XDG_STATE_HOME") or str(home / ".local" / "state")
    return Path(root) / "slurm-plugin"


class KnownPods:
    """One small file per pod, `<namespace>_<name>`, that holds its UID.

    Args:
        directory: made when it is needed.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def submitted(self, manifest: Manifest) -> Manifest:
        """The manifest with its UID, which is made and remembered when there is none.

        Raises:
            StorageFailed: it can't be remembered.
        """
        if manifest.uid:
            return manifest
        path = self._path(manifest)
        uid = self._read(path) or str(uuid.uuid4())
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_text(uid)
        except OSError as error:
            raise StorageFailed(f"{path}: {error.strerror}") from error
        return manifest.with_uid(uid)

    def known(self, manifest: Manifest) -> Manifest:
        """The manifest with the UID that it was submitted with.

        Raises:
            InvalidRequest: it was not submitted from here.
        """
        if manifest.uid:
            return manifest
        uid = self._read(self._path(manifest))
        if not uid:
            raise InvalidRequest(
                f"pod {manifest.namespace}/{manifest.name} was not submitted from here: "
                "submit it, or name its metadata.uid in the file"
            )
        return manifest.with_uid(uid)

    def forget(self, manifest: Manifest) -> None:
        """The pod is deleted: the next submit is a new one."""
        self._path(manifest).unlink(missing_ok=True)

    def _path(self, manifest: Manifest) -> Path:
        name = f"{manifest.namespace}_{manifest.name}"
        if os.sep in name or "\0" in name or not manifest.name:
            raise InvalidRequest("metadata.name or metadata.namespace is no Kubernetes name")
        return self._directory / name

    @staticmethod
    def _read(path: Path) -> str:
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise StorageFailed(f"{path}: {error.strerror}") from error
