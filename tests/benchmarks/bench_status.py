"""What status costs with many tracked pods, through the real HTTP service on a real SLURM.

    docker/cluster exec --user tester -- env -C /src \\
      /opt/slurm-plugin/bin/python -m tests.benchmarks.bench_status --pods 5000

Creates held pods, asks for them one by one and in one list of 1,000, lets a few short pods end
among them, and prints: CPU of the plugin's processes per request, latencies, memory, RPCs a second
and the time from a job's end (SLURM's clock) to the first true answer. Removes all that it made.
"""

import argparse
import http.client
import json
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.cluster.client import PORT, Client, container, create_request, ended, pod
from tests.cluster.conftest import job_field, until

TICKS = 100  # _SC_CLK_TCK on Linux


class Connection:
    """One kept connection, as the interLink API server has."""

    def __init__(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)

    def ask(self, method: str, path: str, body: Any) -> bytes:
        """Send a request; the answer's body."""
        headers = {"Content-Type": "application/json"}
        self._connection.request(method, path, json.dumps(body), headers)
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        return content


def processes() -> Iterator[int]:
    """The plugin and its workers."""
    main = int(Path("/run/plugin.pid").read_text())
    yield main
    listed = subprocess.run(["pgrep", "-P", str(main)], capture_output=True, text=True, check=False)
    yield from (int(pid) for pid in listed.stdout.split())


def cpu_seconds() -> float:
    """CPU that the plugin's processes have used."""
    total = 0
    for pid in processes():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def memory_mib() -> float:
    """Resident memory of the plugin's processes."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in processes())
    return pages * 4096 / 2**20


def rpcs() -> int:
    """RPCs of the plugin's user since slurmctld's start."""
    said = subprocess.run(["sdiag"], capture_output=True, text=True, check=True).stdout
    users = said.partition("Remote Procedure Call statistics by user")[2]
    counts = [line.split() for line in users.splitlines() if line.strip().startswith("interlink")]
    return sum(
        int(word.partition(":")[2]) for words in counts for word in words if "count:" in word
    )


def create_all(pods: Sequence[dict[str, Any]]) -> float:
    """Create the pods with 8 clients; pods a second."""

    def some(part: Sequence[dict[str, Any]]) -> None:
        connection = Connection()
        for one in part:
            connection.ask("POST", "/create", create_request(one))

    begun = time.monotonic()
    with ThreadPoolExecutor(8) as executor:
        list(executor.map(some, [pods[i::8] for i in range(8)]))
    return len(pods) / (time.monotonic() - begun)


def freshness(client: Client, image: str, among: Sequence[dict[str, Any]]) -> float:
    """Seconds from the end of a short pod to the first answer that tells it."""
    short = pod(container("main", "sleep 3", image))
    client.create(short).json()
    position = 0
    while True:
        status = client.status(short)
        if ended(status):
            break
        for _ in range(20):  # as the Virtual Kubelet: other pods in between
            client.status(among[position % len(among)])
            position += 1
    told = time.time()
    job = status["JID"]
    # The container's own file may tell the end before SLURM notes it.
    until(lambda: job_field(job, "JobState") in ("COMPLETED", "FAILED"), 30)
    end = time.mktime(time.strptime(job_field(job, "EndTime"), "%Y-%m-%dT%H:%M:%S"))
    client.delete(short)
    return told - end


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=5000)
    parser.add_argument("--image", default="/opt/images/busybox.sif")
    arguments = parser.parse_args()
    held = {"slurm-job.vk.io/flags": "--hold --time=5"}
    pods = [
        pod(container("main", "true", arguments.image), annotations=held)
        for _ in range(arguments.pods)
    ]
    try:
        report(arguments.image, pods)
    finally:
        connection = Connection()
        for one in pods:
            connection.ask("POST", "/delete", one)


def report(image: str, pods: Sequence[dict[str, Any]]) -> None:
    """All measurements, one line each."""
    empty = memory_mib()
    print(f"create, 8 clients: {create_all(pods):.0f} pods/s")
    connection = Connection()
    for one in pods:  # every pod is tracked from its first status
        connection.ask("GET", "/status", [one])
    before, asked, begun = cpu_seconds(), rpcs(), time.monotonic()
    latencies = []
    for one in pods:
        start = time.perf_counter()
        connection.ask("GET", "/status", [one])
        latencies.append(time.perf_counter() - start)
    elapsed = time.monotonic() - begun
    print(f"a pass over {len(pods)} pods, one request each: {elapsed:.1f} s")
    print(f"CPU a request: {(cpu_seconds() - before) / len(pods) * 1000:.2f} ms")
    print(
        f"latency: median {statistics.median(latencies) * 1000:.2f} ms, "
        f"99th percentile {sorted(latencies)[len(pods) * 99 // 100] * 1000:.2f} ms"
    )
    print(f"RPCs: {(rpcs() - asked) / elapsed:.2f}/s")
    lists = []
    for _ in range(10):
        start = time.perf_counter()
        connection.ask("GET", "/status", pods[:1000])
        lists.append(time.perf_counter() - start)
    print(f"one request with 1,000 pods: median {statistics.median(lists) * 1000:.0f} ms")
    print(f"memory of all processes: {memory_mib():.0f} MiB ({empty:.0f} MiB without pods)")
    delays = [freshness(Client(), image, pods) for _ in range(5)]
    print("from a job's end to the answer: " + ", ".join(f"{delay:.1f}" for delay in delays) + " s")


if __name__ == "__main__":
    main()
