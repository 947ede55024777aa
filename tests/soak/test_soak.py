"""Many short pods, polled as the Virtual Kubelet polls, while daemons die: no pod is told wrong.

SOAK_PODS pods (2000) come evenly over SOAK_SECONDS (1800); every SOAK_FAULT_SECONDS (20) something
is killed, frozen or restarted. At the end every pod's answer is what its container did, SLURM's
accounting agrees pod by pod, and nothing is left in the queue.
"""

import contextlib
import json
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.client import Client, container, ended, exit_codes, pod
from tests.cluster.conftest import Daemons, slurm, until

PODS = int(os.environ.get("SOAK_PODS", "2000"))
SECONDS = float(os.environ.get("SOAK_SECONDS", "1800"))
FAULT_SECONDS = float(os.environ.get("SOAK_FAULT_SECONDS", "20"))
SEED = int(os.environ.get("SOAK_SEED", str(time.time_ns() % 10**6)))
# The Virtual Kubelet's pause between two rounds over all its pods.
POLL_PAUSE = 5.0


@dataclass
class Planned:
    """One pod: what it will do, and what was said of it."""

    manifest: dict[str, Any]
    code: int
    delete_after: float | None
    created_at: float = 0.0
    deleted: bool = False
    told: int | None = None
    told_at: float = 0.0

    @property
    def uid(self) -> str:
        uid: str = self.manifest["metadata"]["uid"]
        return uid


@dataclass
class Soak:
    """Everything that runs at once, and what is counted."""

    client: Client
    pods: list[Planned]
    known: list[Planned] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    slowest_status: float = 0.0
    errors: list[str] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def create(self) -> None:
        """One pod after another; where the answer is lost, the same pod again."""
        begun = time.monotonic()
        for number, planned in enumerate(self.pods):
            self.done.wait(max(0.0, begun + number * SECONDS / len(self.pods) - time.monotonic()))
            self.insist("create", lambda p=planned: self.client.create(p.manifest).status == 200)
            planned.created_at = time.monotonic()
            self.known.append(planned)

    def poll(self) -> None:
        """Ask for one pod at a time until each has ended; the answer is never asked for again."""
        while not self.done.is_set():
            for planned in list(self.known):
                if planned.told is None and not planned.deleted:
                    self.look(planned)
            self.done.wait(POLL_PAUSE)

    def look(self, planned: Planned) -> None:
        begun = time.monotonic()
        try:
            answer = self.client.request("GET", "/status", [planned.manifest])
        except OSError:
            self.counts["status: no connection"] += 1
            return
        self.slowest_status = max(self.slowest_status, time.monotonic() - begun)
        self.counts[f"status: {answer.status}"] += 1
        if answer.status == 200 and ended(status := answer.json()[0]):
            planned.told, planned.told_at = exit_codes(status)["main"], time.monotonic()

    def delete(self) -> None:
        """Delete some pods at their time, whatever their state is then."""
        while not self.done.wait(0.5):
            now = time.monotonic()
            for planned in list(self.known):
                due = planned.delete_after is not None and not planned.deleted
                if due and now > planned.created_at + (planned.delete_after or 0.0):
                    planned.deleted = True
                    gone = planned.manifest
                    self.insist("delete", lambda p=gone: self.client.delete(p).status == 200)

    def insist(self, what: str, act: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if act():
                    self.counts[what] += 1
                    return
            self.counts[f"{what}: again"] += 1
            time.sleep(0.5)
        self.errors.append(f"{what}: not answered with 200 within 120 s")

    def break_things(self, dice: random.Random) -> None:
        daemons = Daemons()
        while not self.done.wait(FAULT_SECONDS):
            fault = dice.choice(["plugin", "workers", "slurmctld", "both", "frozen"])
            self.counts[f"fault: {fault}"] += 1
            with self.noted(fault):
                self.strike(fault, daemons)

    def strike(self, fault: str, daemons: Daemons) -> None:
        if fault == "workers":
            daemons.do("kill-children", "plugin")
        elif fault == "frozen":
            daemons.do("freeze", "slurmctld")
            time.sleep(6)
            daemons.do("thaw", "slurmctld")
        else:
            names = {"both": ["plugin", "slurmctld"]}.get(fault, [fault])
            for name in names:
                # A killed slurmctld forgets its last seconds, and with them jobs: no fault of ours.
                daemons.do("kill" if name == "plugin" else "stop", name)
            for name in reversed(names):
                daemons.do("start", name)

    @contextlib.contextmanager
    def noted(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.errors.append(f"{what}: {error!r}")


def plan(dice: random.Random, image: str) -> Planned:
    code = dice.choice([0, 0, 0, 0, 1, 2, 42, 255])
    seconds = dice.choice([0, 0, 1, 2, 5])
    manifest = pod(container("main", f"sleep {seconds}; exit {code}", image))
    delete_after = dice.choice([0.0, 1.0, 3.0, 8.0]) if dice.random() < 0.1 else None
    return Planned(manifest, code, delete_after)


def accounting(since: str) -> dict[str, list[tuple[str, str]]]:
    """State and exit code of every job since then, by job name."""
    rows = slurm("sacct", "-a", "-n", "-X", "-P", "-S", since, "-o", "JobName,State,ExitCode")
    jobs: dict[str, list[tuple[str, str]]] = {}
    for row in rows.splitlines():
        name, state, code = row.split("|")
        jobs.setdefault(name, []).append((state.split()[0], code))
    return jobs


def wrong_ends(soak: Soak, since: str) -> list[str]:
    """One line for each pod whose answer, container and accounting don't agree."""
    jobs = accounting(since)
    wrong = []
    for planned in soak.pods:
        found = jobs.get(planned.uid, [])
        if planned.deleted:
            if len(found) > 1:
                wrong.append(f"{planned.uid}: deleted, {found}")
            continue
        expected = [("FAILED" if planned.code else "COMPLETED", f"{planned.code}:0")]
        if planned.told != planned.code or found != expected:
            wrong.append(f"{planned.uid}: {planned.code}, told {planned.told}, SLURM {found}")
    return wrong


@pytest.mark.timeout(SECONDS * 2 + 900)
def test_every_pod_ends_in_its_true_state(capsys: pytest.CaptureFixture[str]) -> None:
    dice = random.Random(SEED)
    sif = Path("/opt/images/busybox.sif")
    image = str(sif if sif.exists() else sif.with_suffix(""))
    soak = Soak(Client(), [plan(dice, image) for _ in range(PODS)])
    since = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() - 2))
    faults = threading.Thread(target=soak.break_things, args=(dice,))
    others = [threading.Thread(target=act) for act in (soak.poll, soak.delete)]
    for thread in (faults, *others):
        thread.start()
    try:
        soak.create()
        # Faults go on while the last pods end.
        until(lambda: all(p.told is not None or p.deleted for p in soak.pods), SECONDS + 300)
    finally:
        soak.done.set()
        for thread in (faults, *others):
            thread.join()
    figures = {
        "seed": SEED,
        "pods": PODS,
        "seconds": round(SECONDS),
        "deleted": sum(p.deleted for p in soak.pods),
        "slowest status answer, s": round(soak.slowest_status, 2),
        **dict(sorted(soak.counts.items())),
    }
    with capsys.disabled():
        sys.stdout.write(f"\nsoak: {json.dumps(figures)}\n")
    settle(soak.client)
    assert soak.errors == []
    # After a restart, slurmctld tells slurmdbd late.
    until(lambda: wrong_ends(soak, since) == [] or late(since), 120)
    assert wrong_ends(soak, since) == []


def late(since: str) -> bool:
    """Whether accounting has nothing left to hear: what is wrong now stays wrong."""
    states = {state for jobs in accounting(since).values() for state, _ in jobs}
    return not states & {"PENDING", "RUNNING", "COMPLETING", "SUSPENDED"}


def settle(client: Client) -> None:
    """Nothing is left in the queue, nor for the plugin to do."""

    def idle() -> bool:
        info = client.request("GET", "/system-info").json()
        return info["slurm_connected"] and info["pods_kept"] == info["pods_ending"] == 0

    until(idle, 120)
    until(lambda: slurm("squeue", "-h", "-a") == "", 120)
