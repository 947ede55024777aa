#!/usr/bin/env python3
"""SLURM's commands as one small program, called by the names sbatch, squeue, ...

Its state is the JSON file that SLURM_CONF names; tests edit that file to make faults. Output forms
are those that SLURM 26.05 gave to the same command lines. A job "runs" what the last line of its
script says: `sleep SECONDS` or `exit CODE`.
"""

import contextlib
import fcntl
import json
import os
import re
import shlex
import sys
import time
from pathlib import Path

ENDED = {"CD", "F", "CA", "TO", "NF"}
LONG = {
    "PD": "PENDING",
    "R": "RUNNING",
    "CD": "COMPLETED",
    "F": "FAILED",
    "CA": "CANCELLED",
    "TO": "TIMEOUT",
    "NF": "NODE_FAIL",
}


def new_state():
    """A cluster of two nodes and no job."""
    return {
        "controller": "up",
        "offset": 0,
        "next_id": 1,
        "min_job_age": 300,
        "nodes": {"n1": "up", "n2": "up"},
        "jobs": {},
    }


@contextlib.contextmanager
def opened(path):
    """The state, locked; written back afterwards."""
    with Path(path).open("r+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        state = json.load(stream)
        advance(state)
        yield state
        stream.seek(0)
        stream.truncate()
        json.dump(state, stream)


def advance(state):
    """Let time pass: start pending jobs, end those that are over."""
    now = time.time() + state["offset"]
    for job in state["jobs"].values():
        if job["state"] == "PD" and not job["held"] and "up" in state["nodes"].values():
            node = next(n for n, s in state["nodes"].items() if s == "up")
            job.update(state="R", start=now, node=node)
        if job["state"] == "R":
            end = job["start"] + job["seconds"]
            limit = job["start"] + job["minutes"] * 60
            if min(end, limit) <= now:
                state_, code, sig = ("TO", 0, 15) if limit < end else finished(job["code"])
                job.update(state=state_, exit=code, signal=sig, end=min(end, limit))


def finished(code):
    return ("CD" if code == 0 else "F", code, 0)


def sbatch(arguments, state):
    options = dict(script_options(script := sys.stdin.read()))
    if "--parsable" not in arguments:
        return fail("sbatch: error: only --parsable is known here")
    if options.get("partition", "normal") != "normal":
        print(
            f"sbatch: error: invalid partition specified: {options['partition']}", file=sys.stderr
        )
        return fail("sbatch: error: Batch job submission failed: Invalid partition name specified")
    number = state["next_id"]
    state["next_id"] += 1
    seconds, code = outcome(script)
    now = time.time() + state["offset"]
    state["jobs"][str(number)] = {
        "name": options.get("job-name", "sbatch"),
        "comment": options.get("comment", ""),
        "script": script,
        "submit": now,
        "start": 0,
        "end": 0,
        "state": "PD",
        "held": "hold" in options,
        "node": "",
        "exit": 0,
        "signal": 0,
        "restarts": 0,
        "seconds": seconds,
        "code": code,
        "minutes": int(options.get("time", "60")),
        "uid": int(options.get("uid", os.geteuid())),
    }
    advance(state)
    if state["controller"] == "loses-answer":
        return fail(
            "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
        )
    print(number)
    return 0


def script_options(script):
    for line in script.splitlines():
        if line.startswith("#SBATCH --"):
            name, _, value = line.removeprefix("#SBATCH --").partition("=")
            yield name, (shlex.split(value) or [""])[0]


def outcome(script):
    last = script.strip().splitlines()[-1]
    word, _, number = last.partition(" ")
    return (float(number), 0) if word == "sleep" else (0.0, int(number or 0))


def scancel(arguments, state):
    ids = [a for a in arguments if a.isdigit()]
    signal = next((int(a.partition("=")[2]) for a in arguments if a.startswith("--signal=")), None)
    now = time.time() + state["offset"]
    for number in ids:
        job = state["jobs"].get(number)
        if job is None:
            print(
                f"scancel: error: Kill job error on job id {number}: Invalid job id specified",
                file=sys.stderr,
            )
            continue
        if job["uid"] != os.geteuid():
            return fail(
                f"scancel: error: Kill job error on job id {number}: Access/permission denied"
            )
        if job["state"] == "PD" and signal is None:
            job.update(state="CA", end=now)
        elif job["state"] == "R" and signal is None:
            job.update(state="CA", signal=15, end=now)
        elif job["state"] == "R":
            job.setdefault("signals", []).append(signal)
            job.update(state="F", signal=signal, end=now)
    return 0


def squeue(arguments, state):
    columns = [c.partition(":") for c in option(arguments, "-O").split(",")]
    jobs = {int(n): j for n, j in state["jobs"].items() if in_queue(j, state)}
    wanted = option(arguments, "--jobs")
    if wanted:
        ids = [int(n) for n in wanted.split(",")]
        if len(ids) == 1 and ids[0] not in jobs:
            return fail("slurm_load_jobs error: Invalid job id specified")
        jobs = {n: jobs[n] for n in ids if n in jobs}
    if name := option(arguments, "--name"):
        jobs = {n: j for n, j in jobs.items() if j["name"] == name}
    if user := option(arguments, "--user"):
        jobs = {n: j for n, j in jobs.items() if str(j["uid"]) == user}
    for number, job in jobs.items():
        values = squeue_values(number, job)
        print("".join(values[name] + suffix for name, _, suffix in columns))
    return 0


def in_queue(job, state):
    now = time.time() + state["offset"]
    return job["state"] not in ENDED or now - job["end"] < state["min_job_age"]


def squeue_values(number, job):
    return {
        "JobID": str(number),
        "StateCompact": job["state"],
        "exit_code": f"{job['exit']}:{job['signal']}",
        "NodeList": job["node"],
        "SubmitTime": str(int(job["submit"])),
        "StartTime": str(int(job["start"])) if job["start"] else "N/A",
        "EndTime": str(int(job["end"])) if job["end"] else "N/A",
        "RestartCnt": str(job["restarts"]),
        "TimeLimit": f"{job['minutes']}:00",
        "UserId": str(job["uid"]),
        "Reason": "JobHeldUser" if job["held"] else "None",
        "Name": job["name"],
        "Comment": job["comment"] or "(null)",
    }


def sacct(arguments, state):
    for number in option(arguments, "--jobs").split(","):
        job = state["jobs"].get(number)
        if job is None:
            continue
        word = LONG[job["state"]]
        values = [
            number,
            f"{word} by {job['uid']}" if word == "CANCELLED" else word,
            f"{job['exit']}:{job['signal']}",
            job["node"] or "None assigned",
            str(int(job["submit"])),
            str(int(job["start"])) if job["start"] else "Unknown",
            str(int(job["end"])) if job["end"] else "Unknown",
            str(job["minutes"]),
            str(job["uid"]),
        ]
        print("|".join(values))
    return 0


def sinfo(arguments, state):
    for name, condition in state["nodes"].items():
        word = "idle" if condition == "up" else "down"
        print(f"{name}|0/8/0/8|4000|0|{word}|gpu:a100:2|normal|")
    return 0


def scontrol(arguments, state):
    if arguments == ["--version"]:
        print("slurm 26.05.5")
    elif arguments == ["ping"]:
        print("Slurmctld(primary) at ctl is UP")
    else:
        return fail("scontrol: error: unknown request")
    return 0


def option(arguments, name):
    for index, argument in enumerate(arguments):
        if argument == name:
            return arguments[index + 1]
        if argument.startswith(name + "="):
            return argument.partition("=")[2]
    return ""


def fail(message):
    print(message, file=sys.stderr)
    return 1


def main():
    command = Path(sys.argv[0]).name
    path = os.environ["SLURM_CONF"]
    controller = json.loads(Path(path).read_text())["controller"]
    if controller == "hung":
        time.sleep(60)
    if controller == "down" and sys.argv[1:] != ["--version"]:
        if command == "scontrol":
            print("Slurmctld(primary) at ctl is DOWN")
            return 1
        return fail(f"{command}: error: Unable to contact slurm controller (connect failure)")
    with opened(path) as state:
        return globals()[command](sys.argv[1:], state)


if __name__ == "__main__":
    if not re.fullmatch(r"sbatch|scancel|squeue|sinfo|sacct|scontrol", Path(sys.argv[0]).name):
        raise SystemExit("call me by the name of a SLURM command")
    raise SystemExit(main())
