"""The mark of a pod's job: its comment.

`slurm-plugin pod <namespace>/<name> <uid> in <data folder>` says to people which pod it is, and to
the plugin whether the job is its own: several plugins may share a cluster, even a user, each with
a data folder of its own, and none may touch another's jobs. Jobs of the Go plugin have no comment;
they are known by their job name, the pod's UID.
"""

import re
from dataclasses import dataclass

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.jobs.identity import PodKey, pod_key

PREFIX = "slurm-plugin pod "

_MARK = re.compile(re.escape(PREFIX) + r"([^/\s]+)/(.*) (\S+) in ([0-9a-f]+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a comment says: the pod, its name, and the id of the data folder."""

    key: PodKey
    name: str
    folder: str


def comment(namespace: str, name: str, uid: str, folder: str) -> str:
    """The comment of a pod's job; without a data folder (empty) it marks nobody's job."""
    base = f"{PREFIX}{namespace}/{name} {uid}"
    return f"{base} in {folder}" if folder else base


def parse(text: str) -> Mark | None:
    """The mark in a comment, None when there is none."""
    match = _MARK.fullmatch(text)
    if match is None:
        return None
    namespace, name, uid, folder = match.groups()
    try:
        return Mark(pod_key(namespace, uid), name, folder)
    except InvalidRequest:
        return None
