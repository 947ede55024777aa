"""Sends one pod to the plugin the way interLink does, and tells what becomes of it.

Standard library only: it runs on the host, where nothing of the project is installed.
"""

import argparse
import http.client
import json
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

NAMESPACE = "demo"
DEADLINE_SECONDS = 120
ZERO_TIME = "0001-01-01T00:00:00Z"


def main() -> int:
    """Run the demo; returns the exit code of the pod's main container."""
    arguments = parse_arguments()
    client = Client(arguments.port)
    pod = demo_pod(arguments.image)
    say(f"creating pod {NAMESPACE}/{pod['metadata']['name']} ({pod['metadata']['uid']})")
    created = json.loads(client.call("POST", "/create", create_request(pod)))
    say(f"created: PodUID {created['PodUID']}, PodJID {created['PodJID']} (the SLURM job)")
    if arguments.follow:
        follow(client, pod)
    status = watch(client, pod)
    show_logs(client, pod, status)
    say("deleting the pod")
    client.call("POST", "/delete", pod)
    code = exit_code(status)
    say(f"done: the main container ended with exit code {code}")
    return code


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=4000)
    parser.add_argument("--image", required=True)
    parser.add_argument("--follow", action="store_true", help="follow the log while it runs")
    return parser.parse_args()


def say(text: str) -> None:
    """One line about what happens, with the time."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


class Client:
    """Speaks as the interLink API server does: bodies in GET requests, JSON always."""

    def __init__(self, port: int) -> None:
        self._port = port

    def call(self, method: str, path: str, body: Any) -> str:
        """Send one request; returns the answer's text, or ends the demo with it."""
        return b"".join(self.stream(method, path, body)).decode(errors="replace")

    def stream(self, method: str, path: str, body: Any) -> Iterator[bytes]:
        """Send one request and give the answer piece by piece as it comes."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=DEADLINE_SECONDS)
        headers = {
            "Content-Type": "application/json",
            "InterLink-Http-Session": f"Demo#{uuid.uuid4().hex[:5]}",
        }
        try:
            connection.request(method, path, json.dumps(body), headers)
            answer = connection.getresponse()
        except OSError as error:
            sys.exit(f"docker/demo: the plugin does not answer on port {self._port}: {error}")
        if answer.status != http.client.OK:
            sys.exit(f"docker/demo: {path} answered {answer.status}: {answer.read().decode()}")
        while piece := answer.read1(65536):
            yield piece
        connection.close()


def demo_pod(image: str) -> dict[str, Any]:
    """An init container that leaves a file, and a main container that reads it."""
    mount = [{"name": "work", "mountPath": "/work"}]
    return {
        "metadata": {
            "name": "hello",
            "namespace": NAMESPACE,
            "uid": str(uuid.uuid4()),
            "annotations": {"slurm-job.vk.io/flags": "--time=5"},
        },
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 10,
            "volumes": [{"name": "work", "emptyDir": {}}],
            "initContainers": [
                {
                    "name": "prepare",
                    "image": image,
                    "command": ["sh", "-c"],
                    "args": ["echo 'written by the init container' > /work/message"],
                    "volumeMounts": mount,
                    "resources": {},
                }
            ],
            "containers": [
                {
                    "name": "main",
                    "image": image,
                    "command": ["sh", "-c"],
                    "args": [
                        (
                            'echo "$GREETING from job $SLURM_JOB_ID"; cat /work/message; '
                            "for i in 1 2 3; do echo step $i; sleep 1; done"
                        )
                    ],
                    "env": [{"name": "GREETING", "value": "Hello \"world\" & 'friends'"}],
                    "volumeMounts": mount,
                    "resources": {"limits": {"cpu": "1", "memory": "64Mi"}},
                }
            ],
        },
    }


def create_request(pod: dict[str, Any]) -> dict[str, Any]:
    """What the API server makes of a pod (interLink 0.5 and newer)."""
    spec = pod["spec"]
    names = [c["name"] for c in (*spec["initContainers"], *spec["containers"])]
    empty = {"configMaps": None, "projectedvolumemaps": None, "secrets": None, "emptyDirs": None}
    return {"pod": pod, "container": [{"name": name, **empty} for name in names], "jobConfig": {}}


def watch(client: Client, pod: dict[str, Any]) -> dict[str, Any]:
    """Poll until all containers have ended; prints each change of a state."""
    seen: dict[str, str] = {}
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        status: dict[str, Any] = json.loads(client.call("GET", "/status", [pod]))[0]
        containers = [*(status.get("initContainers") or []), *status["containers"]]
        for container in containers:
            tell_change(container, seen)
        if all(c["state"].get("terminated") for c in containers):
            return status
        time.sleep(0.5)
    sys.exit(f"docker/demo: the pod did not end within {DEADLINE_SECONDS} s")


def tell_change(container: dict[str, Any], seen: dict[str, str]) -> None:
    """Print the container's state if it is another one than before."""
    (name, state), *_ = ((k, v) for k, v in container["state"].items() if v)
    words = [name, state.get("reason", ""), state.get("message", "")]
    if name == "terminated":
        words.insert(1, f"exit code {state['exitCode']}")
    text = " - ".join(word for word in words if word)
    if seen.get(container["name"]) != text:
        seen[container["name"]] = text
        say(f"  {container['name']}: {text}")


def log_request(pod: dict[str, Any], container: str, *, follow: bool = False) -> dict[str, Any]:
    """A log request with all keys, as the API server sends it."""
    options = {"Tail": 0, "Bytes": 0, "Timestamps": follow, "Follow": follow, "Previous": False}
    return {
        "Namespace": NAMESPACE,
        "PodUID": pod["metadata"]["uid"],
        "PodName": pod["metadata"]["name"],
        "ContainerName": container,
        "Opts": {**options, "SinceSeconds": 0, "SinceTime": ZERO_TIME},
    }


def follow(client: Client, pod: dict[str, Any]) -> None:
    """Print the main container's log while it grows."""
    say("following the log of container main:")
    for piece in client.stream("GET", "/getLogs", log_request(pod, "main", follow=True)):
        sys.stdout.write(piece.decode(errors="replace"))
        sys.stdout.flush()


def show_logs(client: Client, pod: dict[str, Any], status: dict[str, Any]) -> None:
    """Print the main container's log."""
    for container in status["containers"]:
        say(f"log of container {container['name']}:")
        log = client.call("GET", "/getLogs", log_request(pod, container["name"]))
        print("".join(f"    {line}\n" for line in log.splitlines()), end="")


def exit_code(status: dict[str, Any]) -> int:
    """Exit code of the main container."""
    return int(status["containers"][0]["state"]["terminated"]["exitCode"])


if __name__ == "__main__":
    raise SystemExit(main())
