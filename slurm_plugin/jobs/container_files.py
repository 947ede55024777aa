"""What the batch script wrote about its containers (`slurm_plugin.pods.layout`).

A damaged or half-visible file counts as absent: SLURM's word stands in for it, and one pod's
trouble stays its own.
"""

import logging
from dataclasses import dataclass

from slurm_plugin.errors import StorageFailed
from slurm_plugin.jobs.identity import PodKey
from slurm_plugin.jobs.record import ContainerRecord
from slurm_plugin.jobs.store import PodStore
from slurm_plugin.pods import layout

_log = logging.getLogger(__name__)

# The pod's user can write anything into these files; the client's numbers are 32 bits wide, and
# one that does not fit makes it discard the whole answer (contract, section 1.4).
_MOST_DIGITS = 12
_LARGEST_COUNT = 1_000_000
_LARGEST_CODE = 255
_LONGEST_TEXT = 1000


@dataclass(frozen=True, slots=True)
class ContainerFile:
    """One container's state file; times are epoch seconds of the compute node.

    `job` and `requeue` tell which run wrote it (None in the Go plugin's files). `stopped` stands in
    the batch script's own state only: when SLURM or a delete sent it TERM.
    """

    job: int | None = None
    requeue: int | None = None
    restarts: int = 0
    started: float | None = None
    ready: bool = True
    finished: float | None = None
    exit_code: int | None = None
    signal: int = 0
    reason: str = ""
    message: str = ""
    stopped: float | None = None

    @property
    def ended(self) -> bool:
        """Whether the container has ended with a known exit code."""
        return self.exit_code is not None


def parse_state(data: bytes) -> ContainerFile:
    """A state file's fields; unknown keys and unreadable numbers are left out."""
    fields = dict(
        line.split("=", 1) for line in data.decode(errors="replace").splitlines() if "=" in line
    )
    return ContainerFile(
        job=_whole(fields.get("job")),
        requeue=_whole(fields.get("requeue"), _LARGEST_COUNT),
        restarts=_whole(fields.get("restarts"), _LARGEST_COUNT) or 0,
        started=_whole(fields.get("started")),
        ready=fields.get("ready", "1") != "0",
        stopped=_whole(fields.get("stopped")),
        finished=_whole(fields.get("finished")),
        exit_code=_whole(fields.get("exit"), _LARGEST_CODE),
        signal=_whole(fields.get("signal"), _LARGEST_CODE) or 0,
        reason=fields.get("reason", "")[:_LONGEST_TEXT],
        message=fields.get("message", "")[:_LONGEST_TEXT],
    )


def _whole(text: str | None, largest: int = 10**_MOST_DIGITS) -> int | None:
    """A decimal number up to `largest`; anything else is None."""
    if text is None or len(text) > _MOST_DIGITS or not (text.isascii() and text.isdecimal()):
        return None
    number = int(text)
    return number if number <= largest else None


def read_container(store: PodStore, key: PodKey, container: ContainerRecord) -> ContainerFile:
    """State of one container, empty when the script has not written any."""
    init = container.kind != "app"
    state = _read(store, key, layout.state_file(container.name, init=init))
    if state is not None:
        return parse_state(state)
    # The Go plugin's script writes the exit code only.
    status = _read(store, key, layout.exit_status_file(container.name, init=init))
    code = _whole((status or b"").decode(errors="replace").strip(), _LARGEST_CODE)
    return ContainerFile(exit_code=code)


def read_pod(store: PodStore, key: PodKey) -> ContainerFile | None:
    """State of the batch script itself; None before it began."""
    state = _read(store, key, layout.POD_STATE)
    return None if state is None else parse_state(state)


def _read(store: PodStore, key: PodKey, name: str) -> bytes | None:
    try:
        return store.read(key, name)
    except StorageFailed as error:
        _log.warning("state file can't be read: %s", error, extra={"pod_uid": key.uid})
        return None
