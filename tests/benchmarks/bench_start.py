"""What the in-job library costs: the start of a container, and the supervisor's idle CPU time.

Runs a whole batch script as the plugin writes it, without SLURM, beside the runtime's own
command line, in turns. Run where the runtime is:
`python -m tests.benchmarks.bench_start --runtime /usr/bin/apptainer --image busybox.sif`.
Each container tells the node's clock (`/proc/uptime` is too coarse: it makes a file, whose time
counts). Exit code 1 when the library adds more than 150 ms or idles at more than 0.5 % of a core.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from slurm_plugin.config.settings import PodSettings
from slurm_plugin.pods.manifest import CreateRequest
from slurm_plugin.pods.plan import PodPlan, plan_pod

_MOST_SECONDS = 0.150
_MOST_IDLE = 0.005
_OPTIONS = ("--no-eval", "--containall")


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", default="/usr/bin/apptainer")
    parser.add_argument("--image", required=True)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--idle-seconds", type=int, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-start-") as folder:
        bench = Bench(Path(folder), arguments.runtime, arguments.image)
        bare, whole = [], []
        for _ in range(arguments.rounds):
            bare.append(bench.bare())
            whole.append(bench.supervised())
        idle = bench.idle(arguments.idle_seconds)
    added = median(whole) - median(bare)
    print(f"runtime alone      {median(bare) * 1000:6.0f} ms until its container writes a file")
    print(f"with the library   {median(whole) * 1000:6.0f} ms, so it adds {added * 1000:.0f} ms")
    print(f"idle supervisor    {idle:6.2%} of a core with three probes at 10 s")
    return 0 if added <= _MOST_SECONDS and idle <= _MOST_IDLE else 1


def median(values: list[float]) -> float:
    """The middle one."""
    return sorted(values)[len(values) // 2]


class Bench:
    """One pod's directory, used again and again.

    Args:
        folder: empty directory.
        runtime: path of Apptainer or Singularity.
        image: path of an image with a shell.
    """

    def __init__(self, folder: Path, runtime: str, image: str) -> None:
        self._folder = folder
        self._runtime = runtime
        self._image = image
        self._directory = folder / "pod"
        self._directory.mkdir()
        self._mark = folder / "work" / "mark"
        self._mark.parent.mkdir()

    def bare(self) -> float:
        """Seconds from the start of the runtime to the container's first act."""
        bind = f"{self._mark.parent}:/work:rw"
        argv = [self._runtime, "--quiet", "exec", *_OPTIONS, "--bind", bind, self._image]
        return self._until_mark([*argv, "sh", "-c", "touch /work/mark"])

    def supervised(self) -> float:
        """The same for the batch script of a pod with that container."""
        return self._until_mark(["/bin/bash", str(self._script("touch /work/mark"))])

    def idle(self, seconds: int) -> float:
        """Share of a core that a supervisor's own process and its probes take.

        The probes connect to a port where nobody listens, so that the runtime has no part in it.
        """
        probe = {"tcpSocket": {"port": 1}, "periodSeconds": 10, "failureThreshold": 1000}
        probes = {"readinessProbe": probe, "livenessProbe": probe}
        second = {"readinessProbe": probe}
        script = self._script(f"exec sleep {seconds + 30}", probes, second)
        process = subprocess.Popen(
            ["/bin/bash", str(script)], env=self._environment(), stdin=subprocess.DEVNULL
        )
        time.sleep(15)
        before = cpu_seconds(process.pid)
        time.sleep(seconds)
        used = cpu_seconds(process.pid) - before
        process.terminate()
        process.wait(60)
        return used / seconds

    def _until_mark(self, argv: list[str]) -> float:
        self._mark.unlink(missing_ok=True)
        begun = time.time()
        subprocess.run(argv, check=True, env=self._environment(), stdin=subprocess.DEVNULL)
        return self._mark.stat().st_mtime - begun

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self._folder), "SLURM_JOB_ID": "1"}

    def _script(self, command: str, *probes: dict[str, object]) -> Path:
        for left in self._directory.iterdir():
            left.unlink()
        plan = self._plan(command, probes or ({},))
        for file in plan.files:
            (self._directory / file.path).write_bytes(file.content)
        script = self._folder / "script"
        script.write_text(f"#!/bin/bash\n{plan.body}")
        return script

    def _plan(self, command: str, probes: tuple[dict[str, object], ...]) -> PodPlan:
        work = {"name": "work", "hostPath": {"path": str(self._mark.parent)}}
        containers = [
            {
                "name": f"main-{number}",
                "image": self._image,
                "command": ["sh", "-c", command],
                "volumeMounts": [{"name": "work", "mountPath": "/work"}],
                **more,
            }
            for number, more in enumerate(probes)
        ]
        metadata = {"name": "p", "namespace": "bench", "uid": "0"}
        pod = {"metadata": metadata, "spec": {"containers": containers, "volumes": [work]}}
        pod["spec"]["terminationGracePeriodSeconds"] = 2  # type: ignore[index]
        settings = PodSettings(
            singularity_path=self._runtime,
            singularity_default_options=_OPTIONS,
            enable_probes=True,
        )
        request = msgspec.json.decode(json.dumps({"pod": pod, "container": []}), type=CreateRequest)
        return plan_pod(request, settings, directory=str(self._directory), shared_fs=True)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its ended children (proc(5), stat, 14 to 17)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
