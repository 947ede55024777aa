"""ResourceScriptPath: an operator's program that says how big the virtual node is."""

import os
import re
import shlex
from typing import Final

import msgspec

from slurm_plugin.errors import InvalidRequest, SlurmPluginError, UnexpectedAnswer
from slurm_plugin.jobs.ping import Ping, PingResources
from slurm_plugin.pods.quantities import quantity
from slurm_plugin.slurm.commands import process

# Kubernetes drops a node whose status grows without bound; nobody has so many accelerators.
_LONGEST: Final = 64 * 1024
_COUNT: Final = re.compile(r"[0-9]{1,18}")
_EFFECTS: Final = frozenset({"NoSchedule", "PreferNoSchedule", "NoExecute"})


def run_resource_script(command: str, timeout: float) -> Ping:
    """Run the program and read what it prints.

    Args:
        command: path, perhaps with arguments.
        timeout: seconds until it and its children are killed.

    Raises:
        SlurmPluginError: it can't be run, overran, failed, or printed something else.
    """
    environment = {"PATH": os.environ.get("PATH") or os.defpath, "LANG": "C.UTF-8"}
    done = process.run(shlex.split(command), environment=environment, timeout=timeout)
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[:200]
        raise UnexpectedAnswer(f"{command} ended with exit code {done.returncode}: {said}")
    try:
        return read_ping(done.stdout)
    except SlurmPluginError as error:
        raise UnexpectedAnswer(f"{command} printed no ping: {error}") from error


def read_ping(text: str) -> Ping:
    """Read and check a ping: the client ignores the whole of it for one wrong value.

    Raises:
        UnexpectedAnswer: it is not JSON of the ping's shape, or says nothing of resources.
        InvalidRequest: a value is not what Kubernetes takes.
    """
    if len(text) > _LONGEST:
        raise UnexpectedAnswer(f"more than {_LONGEST} bytes")
    try:
        ping = msgspec.json.decode(text, type=Ping)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise UnexpectedAnswer(str(error)) from error
    if ping.resources is None:
        raise UnexpectedAnswer("no resources")
    _check_resources(ping.resources)
    for taint in ping.taints or []:
        if not taint.key or taint.effect not in _EFFECTS:
            raise InvalidRequest(f"taints: {taint.key!r} with effect {taint.effect!r} is none")
    return ping


def _check_resources(resources: PingResources) -> None:
    for field in ("cpu", "memory"):
        value = getattr(resources, field)
        if value is not None:
            quantity(value, f"resources.{field}")
    counts = {"resources.pods": resources.pods}
    counts |= {f"accelerator {a.resource_type}": a.available for a in resources.accelerators or []}
    for field, count in counts.items():
        if count is not None and not _COUNT.fullmatch(count):
            raise InvalidRequest(f"{field}: {count!r} is not a whole number")
