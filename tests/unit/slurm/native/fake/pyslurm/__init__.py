"""Stands in for pyslurm: the few names that the plugin uses, answering from `CLUSTER`.

PYSLURM_FAKE says what becomes of slurm_init(): `missing` (no pyslurm here), `fatal` (libslurm ends
the process), `away` (slurmctld does not answer), `old` (versions differ), `hang`.
"""

import os
import time
from types import SimpleNamespace

HOW = os.environ.get("PYSLURM_FAKE", "")
if HOW == "missing":
    raise ImportError("libslurm.so.46: cannot open shared object file")
__version__ = "25.11.2"


class RPCError(Exception):
    def __init__(self, errno, message):
        super().__init__(message)
        self.errno = errno


class Cluster:
    """What slurmctld and slurmdbd know, and what they were told."""

    def __init__(self):
        self.jobs = {}
        self.archive = {}
        self.node_list = []
        self.errors = {}
        self.submitted = []
        self.told = []
        self.calls = []
        self.accounting = "accounting_storage/slurmdbd"

    def fail(self, call):
        self.calls.append(call)
        if call in self.errors:
            raise self.errors[call]


CLUSTER = Cluster()


def slurm_init():
    if HOW == "fatal":
        os.write(2, b"x: error: fetch_config: DNS SRV lookup failed\n")
        os.write(2, b"x: fatal: Could not establish a configuration source\n")
        os._exit(1)
    if HOW == "hang":
        os.write(2, b"x: error: cannot stat file, retrying\n")
        time.sleep(60)
    if HOW == "away":
        CLUSTER.errors["config"] = RPCError(1800, "Unable to contact slurm controller")
    if HOW == "old":
        CLUSTER.errors["config"] = RPCError(1005, "Incompatible versions of client and server")


class Job:
    def __init__(self, job_id):
        self.job_id = job_id

    @staticmethod
    def load(job_id):
        CLUSTER.fail("load")
        if job_id not in CLUSTER.jobs:
            raise RPCError(2017, "Invalid job id specified")
        return CLUSTER.jobs[job_id]

    def cancel(self):
        CLUSTER.told.append((self.job_id, "cancel"))
        CLUSTER.fail("cancel")

    def send_signal(self, number, steps="children"):
        CLUSTER.told.append((self.job_id, number, steps))
        CLUSTER.fail("signal")


class Jobs:
    @staticmethod
    def load():
        CLUSTER.fail("load all")
        return dict(CLUSTER.jobs)


class Nodes:
    @staticmethod
    def load():
        CLUSTER.fail("nodes")
        return {node.name: node for node in CLUSTER.node_list}


class _Config:
    @staticmethod
    def load():
        CLUSTER.fail("config")
        return SimpleNamespace(version="26.05.5", accounting_storage_type=CLUSTER.accounting)


class _ArchivedJobs:
    @staticmethod
    def load(wanted):
        CLUSTER.fail("archive")
        CLUSTER.calls.append(wanted)
        return {i: job for i, job in CLUSTER.archive.items() if i in wanted["ids"]}


def JobSubmitDescription(**arguments):  # noqa: N802 - pyslurm's name
    from pyslurm.core.job.submission import JobSubmitDescription as Description

    return Description(**arguments)


slurmctld = SimpleNamespace(Config=_Config)
db = SimpleNamespace(Jobs=_ArchivedJobs, JobFilter=dict)
