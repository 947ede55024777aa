"""The clusters that the backend contract is checked against, with the faults that each can make."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from slurm_plugin.config.settings import SlurmSettings
from slurm_plugin.errors import BackendUnavailable
from slurm_plugin.slurm.base import Backend, JobInfo, JobSpec
from slurm_plugin.slurm.commands.backend import CommandsBackend
from slurm_plugin.slurm.states import JobState
from tests.fakes.bin.fake_slurm import new_state, outcome
from tests.fakes.fake_backend import FakeBackend

SERVICE = "/usr/local/bin/cluster-service"
FAKE_COMMANDS = Path(__file__).parent.parent / "fakes" / "bin"


class Cluster(Protocol):
    """A SLURM cluster, real or not.

    Attributes:
        backend: what is tested.
        patience: seconds within which a change shows.
        uid: numeric user that the jobs run as.
        many: jobs that one query is tried with.
    """

    backend: Backend
    patience: float
    uid: int
    many: int

    def overrun(self, seconds: float) -> None:
        """Let time pass until a time limit of one minute is enforced."""

    def fail_node(self, name: str) -> None:
        """Take a node down under its jobs."""

    def heal_node(self, name: str) -> None:
        """Bring the node back."""

    def freeze(self) -> None:
        """slurmctld hangs."""

    def stop(self) -> None:
        """slurmctld is gone."""

    def recover(self) -> None:
        """slurmctld answers again, whatever was done to it."""

    def other_users_job(self) -> int:
        """A running job of somebody else, or an array; returns an id."""

    def close(self) -> None:
        """Remove all jobs and end the backend."""


class _ScriptedFake(FakeBackend):
    """The fake whose jobs end as the last line of their script says."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__(partitions=("normal", "slow"), now=now, user_id=os.geteuid())

    def query(self, job_ids: Collection[int]) -> Mapping[int, JobInfo]:
        self._run()
        return super().query(job_ids)

    def lookup(self, job_id: int) -> JobInfo | None:
        self._run()
        return super().lookup(job_id)

    def cancel(self, job_ids: Collection[int]) -> None:
        self._run()
        super().cancel(job_ids)

    def signal(self, job_ids: Collection[int], signal: int) -> None:
        self._run()
        super().signal(job_ids, signal)
        for job_id in set(job_ids) & set(self.job_ids()):
            if self.job(job_id).state is JobState.RUNNING:
                self.set_state(job_id, JobState.FAILED, signal=signal)

    def submit(self, spec: JobSpec) -> int:
        job_id = super().submit(spec)
        if any(option.name == "hold" for option in spec.options):
            held = replace(self.job(job_id), state=JobState.PENDING)
            self.set_state(job_id, held.state, reason="JobHeldUser", nodes="", start_time=None)
        return job_id

    def _run(self) -> None:
        for job_id in self.job_ids():
            job = self.job(job_id)
            if job.state is not JobState.RUNNING or job.start_time is None:
                continue
            spec = self._jobs[job_id].spec
            if spec is None:
                continue
            seconds, code = outcome(spec.script)
            elapsed = self._now() - job.start_time
            limit = next((int(o.value or 0) for o in spec.options if o.name == "time"), 60) * 60
            if min(seconds, limit) > elapsed:
                continue
            if seconds > limit:
                self.set_state(job_id, JobState.TIMEOUT, signal=15)
            else:
                state = JobState.FAILED if code else JobState.COMPLETED
                self.set_state(job_id, state, exit_code=code)


class FakeCluster:
    """The backend in memory."""

    patience = 1.0
    many = 1000
    uid = os.geteuid()

    def __init__(self) -> None:
        self._offset = 0.0
        self._fake = _ScriptedFake(lambda: time.time() + self._offset)
        self.backend: Backend = self._fake

    def overrun(self, seconds: float) -> None:
        self._offset += seconds

    def fail_node(self, name: str) -> None:
        for job_id in self._fake.job_ids():
            if self._fake.job(job_id).state is JobState.RUNNING:
                self._fake.set_state(job_id, JobState.NODE_FAIL)

    def heal_node(self, name: str) -> None:
        """Nodes of the fake are always up."""

    def freeze(self) -> None:
        hung = BackendUnavailable("no answer in time", outcome_unknown=True)
        self._fake.go_away(hung)

    def stop(self) -> None:
        self._fake.go_away()

    def recover(self) -> None:
        self._fake.come_back()

    def other_users_job(self) -> int:
        return self._fake.add_foreign_job(name="line\n1|R|0:0", comment="x\n|y")

    def close(self) -> None:
        self.backend.close()


class FakeCommandsCluster:
    """The commands backend on the programs in tests/fakes/bin."""

    patience = 2.0
    many = 50  # each submission is a Python process here
    uid = os.geteuid()

    def __init__(self, folder: Path) -> None:
        self._path = folder / "slurm.json"
        self._path.write_text(json.dumps(new_state()))
        settings = SlurmSettings.model_validate(
            {
                **{
                    f"{name.capitalize()}Path": str(FAKE_COMMANDS / name)
                    for name in ("sbatch", "scancel", "squeue", "sinfo", "sacct", "scontrol")
                },
                "SlurmConf": str(self._path),
                "QueryTimeoutSeconds": 2,
                "SubmitTimeoutSeconds": 2,
            }
        )
        self.backend: Backend = CommandsBackend(settings)

    def overrun(self, seconds: float) -> None:
        with self._changed() as state:
            state["offset"] += seconds

    def fail_node(self, name: str) -> None:
        with self._changed() as state:
            state["nodes"][name] = "down"
            for job in state["jobs"].values():
                if job["state"] == "R" and job["node"] == name:
                    job.update(state="NF", end=time.time() + state["offset"])

    def heal_node(self, name: str) -> None:
        with self._changed() as state:
            state["nodes"][name] = "up"

    def freeze(self) -> None:
        with self._changed() as state:
            state["controller"] = "hung"

    def stop(self) -> None:
        with self._changed() as state:
            state["controller"] = "down"

    def recover(self) -> None:
        with self._changed() as state:
            state["controller"] = "up"

    def other_users_job(self) -> int:
        with self._changed() as state:
            number = state["next_id"]
            state["next_id"] += 1
            state["jobs"][str(number)] = {
                **dict.fromkeys(("start", "submit"), time.time()),
                **dict.fromkeys(("end", "exit", "signal", "restarts", "code"), 0),
                "name": "line\n1|R|0:0",
                "comment": "x\n1|slurm-plugin pod",
                "state": "R",
                "held": False,
                "node": "n2",
                "seconds": 300,
                "minutes": 60,
                "uid": 4242,
            }
            return int(number)

    def close(self) -> None:
        self.backend.close()

    def _changed(self) -> "_Edit":
        return _Edit(self._path)


class _Edit:
    """Edits the fake commands' state file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> dict[str, Any]:
        self._state: dict[str, Any] = json.loads(self._path.read_text())
        return self._state

    def __exit__(self, *failure: object) -> None:
        self._path.write_text(json.dumps(self._state))


class RealCluster:
    """The sample cluster of docker/, from inside its container, as the user `tester`."""

    patience = 30.0
    many = 1000
    uid = os.geteuid()

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._away = False

    def overrun(self, seconds: float) -> None:
        time.sleep(seconds)

    def fail_node(self, name: str) -> None:
        _root("/usr/bin/scontrol", "update", f"nodename={name}", "state=down", "reason=test")

    def heal_node(self, name: str) -> None:
        # Refused where the node came back by itself (ReturnToService).
        _output("sudo", "/usr/bin/scontrol", "update", f"nodename={name}", "state=resume")
        usable = {"idle", "mixed", "allocated"}
        until(lambda: _output("sinfo", "-h", "-n", name, "-p", "normal", "-o", "%T") in usable, 60)

    def freeze(self) -> None:
        self._away = True
        _root(SERVICE, "freeze", "slurmctld")

    def stop(self) -> None:
        self._away = True
        # slurmctld saves what happened to jobs within some seconds; before that a SIGKILL makes
        # it forget a job altogether (seen with 24.11).
        time.sleep(8)
        _root(SERVICE, "kill", "slurmctld")

    def recover(self) -> None:
        if not self._away:
            return
        self._away = False
        try:
            _root(SERVICE, "thaw", "slurmctld")
        except subprocess.CalledProcessError:
            _root(SERVICE, "start", "slurmctld")
        until(lambda: "is UP" in _output("scontrol", "ping"), 30)

    def other_users_job(self) -> int:
        # An array of our own is the harder case: ids with underscores in some fields.
        return int(
            _output(
                "sbatch",
                "--parsable",
                "-D/tmp",
                "-o/dev/null",
                "--array=1-3",
                "--job-name=line\n1|R|0:0",
                "--comment=x\n1|slurm-plugin pod",
                "--wrap=sleep 60",
            )
        )

    def close(self) -> None:
        self.recover()
        _output("scancel", "--user=tester")
        self.backend.close()


def _root(*argv: str) -> None:
    subprocess.run(["sudo", *argv], check=True, capture_output=True, timeout=60)


def _output(*argv: str) -> str:
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


def until(condition: Callable[[], object], seconds: float) -> None:
    """Wait for a condition; fails with what it was after the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)
