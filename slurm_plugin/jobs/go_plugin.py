"""Directories that the Go plugin wrote, taken over with their jobs."""

import re
from datetime import datetime
from pathlib import Path

from slurm_plugin.jobs.files import Files
from slurm_plugin.jobs.identity import PodKey
from slurm_plugin.jobs.record import PodRecord
from slurm_plugin.pods import layout

# SLURM: job ids are 32 bits wide.
_JOB_ID = re.compile(r"[0-9]{1,10}")

# Go's time.Time.String(): "2026-07-20 09:16:00.123456789 +0000 UTC", fraction without its
# trailing zeros, sometimes followed by a monotonic reading ("m=+0.01").
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,9}))? ([+-]\d{4})")


def adopt(key: PodKey, files: Files, directory: Path) -> PodRecord | None:
    """A record made from the Go plugin's one-value files; None when they are not there.

    Containers are not known to these directories: they come with each status request.
    """
    job_id = (files.read(directory / layout.GO_JOB_ID) or b"").decode(errors="replace").strip()
    uid = (files.read(directory / layout.GO_POD_UID) or b"").decode(errors="replace").strip()
    if not _JOB_ID.fullmatch(job_id) or uid != key.uid:
        return None
    started = parse_time(files.read(directory / layout.GO_STARTED) or b"")
    return PodRecord(
        uid=key.uid,
        namespace=key.namespace,
        name="",
        created=started or directory.stat().st_mtime,
        phase="submitted",
        job_id=int(job_id),
        submitted=directory.stat().st_mtime,
        go_plugin=True,
    )


def parse_time(data: bytes) -> float | None:
    """Epoch seconds of a time file; None when it holds none."""
    match = _TIME.search(data.decode(errors="replace"))
    if match is None:
        return None
    moment, fraction, zone = match.groups()
    try:
        parsed = datetime.strptime(f"{moment} {zone}", "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        return None
    return parsed.timestamp() + float(f"0.{fraction or 0}")
