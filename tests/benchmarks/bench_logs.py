"""Throughput of a whole log through the plugin's server, beside `cat` through such a socket.

Both are read by the same client (a process of its own), in turns, from the same file, which is
read once before. Run: `python -m tests.benchmarks.bench_logs [--mib 1024] [--rounds 5]`.
The best round of each counts. Exit code 1 when the plugin reaches less than 60 % of `cat`.
"""

import argparse
import json
import multiprocessing
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from slurm_plugin.api.logs import LogsResource, StreamingApp
from slurm_plugin.api.wire import Decoders
from slurm_plugin.config.settings import ServiceSettings
from slurm_plugin.jobs.files import Files
from slurm_plugin.jobs.record import ContainerRecord
from slurm_plugin.jobs.store import PodStore
from slurm_plugin.listener import open_listener
from slurm_plugin.logs.reader import LogReader
from slurm_plugin.server import Server
from tests.fakes.pods import KEY, record_of, settings_for

_MIB = 1 << 20
_WANTED = 0.6
_LINE = b"2026-01-31 14:05:00 step 0123456789 loss 0.12345678 and some more words to fill it\n"


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-logs-") as folder:
        return measure(Path(folder), arguments.mib, arguments.rounds)


def measure(folder: Path, mib: int, rounds: int) -> int:
    """Run `rounds` rounds over a log of `mib` MiB."""
    store, log = pod_with_log(folder, mib)
    with log.open("rb") as stream:
        while stream.read(_MIB):
            pass
    cat_port = serve_cat(log)
    server, port = serve_logs(folder, store)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cat, plugin = [], []
    for _ in range(rounds):
        cat.append(timed(cat_port, log.stat().st_size))
        plugin.append(timed(port, log.stat().st_size))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    server.stop()
    share = min(cat) / min(plugin)
    print(f"cat     {mib / min(cat):7.0f} MiB/s  (median {mib / median(cat):.0f})")
    print(f"plugin  {mib / min(plugin):7.0f} MiB/s  (median {mib / median(plugin):.0f})")
    print(f"share   {share:7.0%} of cat; memory of the server grew by {grown / 1024:.0f} MiB")
    return 0 if share >= _WANTED else 1


def median(values: list[float]) -> float:
    """The middle one."""
    return sorted(values)[len(values) // 2]


def pod_with_log(folder: Path, mib: int) -> tuple[PodStore, Path]:
    """A pod whose container `main` has written `mib` MiB."""
    store = PodStore(folder, Files())
    store.prepare()
    directory = store.directory(KEY)
    directory.mkdir()
    store.save(record_of(phase="submitted", job_id=7, containers=[ContainerRecord("main", "app")]))
    log = directory / "run-main.out"
    block = (_LINE * (_MIB // len(_LINE) + 1))[:_MIB]
    with log.open("wb") as stream:
        for _ in range(mib):
            stream.write(block)
    return store, log


def serve_logs(folder: Path, store: PodStore) -> tuple[Server, int]:
    """The plugin's own server on a free port of loopback, with `/getLogs` only."""
    service = ServiceSettings.model_construct(sidecar_port=0)
    listener = open_listener(service)
    app = StreamingApp()
    app.add_route("/getLogs", LogsResource(LogReader(store, settings_for(folder)), Decoders()))
    server = Server(app, service, listener)
    threading.Thread(target=server.run, daemon=True).start()
    return server, int(listener.address.rpartition(":")[2])


def serve_cat(log: Path) -> int:
    """`cat LOG >SOCKET` for each that connects and sends something; returns the port."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                subprocess.run(["cat", log], stdout=connection, check=True)

    threading.Thread(target=serve, daemon=True).start()
    return int(listening.getsockname()[1])


def timed(port: int, size: int) -> float:
    """Seconds until a client process has read `size` bytes or more."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    client = context.Process(target=read_all, args=(port, size, sender.send))
    client.start()
    seconds: float = receiver.recv()
    client.join()
    return seconds


def read_all(port: int, size: int, tell: Callable[[float], None]) -> None:
    """Ask for the log, read until the end, tell the seconds from the request to the last byte."""
    body = json.dumps(
        {"Namespace": KEY.namespace, "PodUID": KEY.uid, "ContainerName": "main", "Opts": {}}
    ).encode()
    head = f"GET /getLogs HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    buffer = bytearray(_MIB)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        begun = time.perf_counter()
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode() + body)
        received = 0
        while count := connection.recv_into(buffer):
            received += count
        took = time.perf_counter() - begun
    if received < size:
        raise SystemExit(f"bench_logs: {received} bytes came instead of {size}")
    tell(took)


if __name__ == "__main__":
    sys.exit(main())
