"""Prints what the SLURM commands of a real cluster answer, as JSON: the source of slurm-*.json.

Run in the sample cluster's container as the user `tester`:

    docker/cluster exec --user tester -- env -C /src \\
      /opt/slurm-plugin/bin/python -m tests.data.capture_commands >tests/data/slurm-26.05.json
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from slurm_plugin.slurm.commands import accounting, cancel, controller, nodes, queue, submit

ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "SLURM_TIME_FORMAT": "%s",
    "TZ": "UTC",
}
SCRIPTS = {
    "running": ("sleep 300", ()),
    "held": ("sleep 300", ("--hold",)),
    "completed": ("exit 0", ()),
    "failed": ("exit 3", ()),
    "killed": ("kill -9 $$", ()),
    "cancelled_pending": ("sleep 300", ("--hold",)),
    "cancelled_running": ("sleep 300", ()),
    "array": ("sleep 300", ("--array=1-3",)),
    "unlimited": ("sleep 300", ("--time=1-02:03:04",)),
    "odd": ("sleep 300", ("--job-name=a|b\n1|c", "--comment=x|y\n2|z")),
    "configuring": ("sleep 300", ("--partition=slow",)),
    "impossible": ("sleep 300", ("--nodes=3", "--dependency=afterok:1", "--hold")),
}


def run(argv: Sequence[str], stdin: str = "") -> dict[str, Any]:
    """Run a command and tell all that it said."""
    done = subprocess.run(
        argv, input=stdin, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60
    )
    return {
        "argv": list(argv),
        "returncode": done.returncode,
        "stdout": done.stdout,
        "stderr": done.stderr,
    }


def submit_one(last_line: str, options: Sequence[str]) -> dict[str, Any]:
    """Submit a job with options on the command line."""
    argv = [*submit.sbatch_argv(["sbatch"]), "--output=/dev/null", "--chdir=/tmp", *options]
    return run(argv, f"#!/bin/bash\n{last_line}\n")


def main() -> None:
    """Make jobs of all kinds, ask about them, cancel them."""
    answers = {f"submit {kind}": submit_one(*rest) for kind, rest in SCRIPTS.items()}
    jobs = {
        kind: int(answers[f"submit {kind}"]["stdout"])
        for kind in SCRIPTS
        if answers[f"submit {kind}"]["returncode"] == 0
    }
    answers["submit refused"] = submit_one("exit 0", ["--partition=nosuch"])
    time.sleep(4)
    answers["cancel"] = run(
        cancel.scancel_argv(["scancel"], [jobs["cancelled_pending"], jobs["cancelled_running"]])
    )
    time.sleep(3)
    answers["cancel gone"] = run(cancel.scancel_argv(["scancel"], [jobs["completed"]]))
    answers["cancel unknown"] = run(cancel.scancel_argv(["scancel"], [99_999_999]))
    ids = sorted(jobs.values())
    answers["squeue all"] = run(queue.squeue_argv(["squeue"], *queue.selections(ids)))
    answers["squeue some"] = run(queue.squeue_argv(["squeue"], f"--jobs={ids[0]},{ids[1]},9999999"))
    answers["squeue unknown"] = run(queue.squeue_argv(["squeue"], "--jobs=99999999"))
    answers["squeue odd"] = run(queue.one_job_argv(["squeue"], jobs["odd"], "mark"))
    answers["sinfo"] = run(nodes.sinfo_argv(["sinfo"]))
    time.sleep(8)  # slurmdbd hears of the end a little later
    now = int(time.time())
    for argv in accounting.sacct_argvs(["sacct"], ids, now - 3600, now + 3600):
        answers["sacct"] = run(argv)
    answers["ping"] = run(controller.ping_argv(["scontrol"]))
    answers["release"] = run(controller.release_argv(["scontrol"]))
    run(["scancel", f"--user={_uid()}"])
    json.dump({"jobs": jobs, "answers": answers}, sys.stdout, indent=1)


def _uid() -> str:
    return subprocess.run(["id", "-u"], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
