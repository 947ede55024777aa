"""Speaks to the plugin as the interLink API server does, and builds its pods."""

import http.client
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PORT = 4000
ZERO_TIME = "0001-01-01T00:00:00Z"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        assert self.status == 200, (self.status, self.text)
        return json.loads(self.body)


class Client:
    """One plugin on loopback."""

    def request(self, method: str, path: str, body: Any = None, *, timeout: float = 60) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=timeout)
        headers = {"Content-Type": "application/json", "InterLink-Http-Session": "Test#1"}
        try:
            connection.request(method, path, json.dumps(body), headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), dict(answer.getheaders()))
        finally:
            connection.close()

    def create(self, pod: dict[str, Any], **more: Any) -> Answer:
        return self.request("POST", "/create", create_request(pod, **more))

    def status(self, pod: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.request("GET", "/status", [pod]).json()[0]
        return found

    def delete(self, pod: dict[str, Any]) -> Answer:
        return self.request("POST", "/delete", pod)

    def log(self, pod: dict[str, Any], container: str, **options: Any) -> str:
        answer = self.request("GET", "/getLogs", log_body(pod, container, **options))
        assert answer.status == 200, answer.text
        return answer.text

    def wait(
        self,
        pod: dict[str, Any],
        condition: Callable[[dict[str, Any]], bool],
        seconds: float = 60,
    ) -> dict[str, Any]:
        """Poll the pod's status until the condition holds."""
        deadline = time.monotonic() + seconds
        status: dict[str, Any] = {}
        while time.monotonic() < deadline:
            answer = self.request("GET", "/status", [pod])
            if answer.status == 200:
                status = answer.json()[0]
                if condition(status):
                    return status
            time.sleep(0.3)
        raise AssertionError(f"not within {seconds} s: {json.dumps(status)}")

    def wait_ended(self, pod: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
        return self.wait(pod, ended, seconds)

    def wait_running(self, pod: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
        return self.wait(pod, running, seconds)


def log_body(pod: dict[str, Any], container: str, **options: Any) -> dict[str, Any]:
    """A log request with all keys, as interLink sends it."""
    opts = {
        "Tail": 0,
        "LimitBytes": 0,
        "Timestamps": False,
        "Follow": False,
        "Previous": False,
        "SinceSeconds": 0,
        "SinceTime": ZERO_TIME,
    }
    return {
        "Namespace": pod["metadata"]["namespace"],
        "PodUID": pod["metadata"]["uid"],
        "PodName": pod["metadata"]["name"],
        "ContainerName": container,
        "Opts": {**opts, **options},
    }


def states(status: dict[str, Any]) -> list[dict[str, Any]]:
    everything = [*(status.get("initContainers") or []), *status["containers"]]
    return [container["state"] for container in everything]


def ended(status: dict[str, Any]) -> bool:
    return all(state.get("terminated") for state in states(status))


def running(status: dict[str, Any]) -> bool:
    return all(c["state"].get("running") for c in status["containers"])


def exit_codes(status: dict[str, Any]) -> dict[str, int]:
    everything = [*(status.get("initContainers") or []), *status["containers"]]
    return {c["name"]: c["state"]["terminated"]["exitCode"] for c in everything}


def container(name: str, script: str, image: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "image": image,
        "command": ["sh", "-c"],
        "args": [script],
        "resources": {},
        **more,
    }


def pod(
    *containers: dict[str, Any],
    init: list[dict[str, Any]] | None = None,
    annotations: dict[str, str] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "test",
            "namespace": "tests",
            "uid": str(uuid.uuid4()),
            "annotations": {"slurm-job.vk.io/flags": "--time=10", **(annotations or {})},
        },
        "spec": {
            "containers": list(containers),
            "initContainers": init,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 5,
            **spec,
        },
    }


def create_request(pod: dict[str, Any], **data: Any) -> dict[str, Any]:
    """What the API server makes of a pod; `data` maps container names to what volumes hold."""
    spec = pod["spec"]
    names = [c["name"] for c in [*(spec.get("initContainers") or []), *spec["containers"]]]
    empty = {"configMaps": None, "projectedvolumemaps": None, "secrets": None, "emptyDirs": None}
    return {
        "pod": pod,
        "container": [{"name": name, **empty, **data.get(name, {})} for name in names],
        "jobConfig": {},
    }
