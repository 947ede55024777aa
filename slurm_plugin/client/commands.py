"""`slurm-plugin submit | status | logs | delete POD.yaml` against a running plugin."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TextIO

from slurm_plugin.client.connection import PluginConnection
from slurm_plugin.client.known_pods import KnownPods
from slurm_plugin.client.manifests import Manifest, read_manifest
from slurm_plugin.client.table import has_ended, table
from slurm_plugin.errors import InvalidRequest

_ZERO_TIME: Final = "0001-01-01T00:00:00Z"
_POLL_SECONDS: Final = 2.0


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """Add the arguments of one of the commands."""
    command.add_argument("pod", type=Path, metavar="POD.yaml")
    command.add_argument("--url", metavar="URL", help="http://HOST:PORT or unix:///PATH")
    if name in ("submit", "status"):
        command.add_argument("--json", action="store_true", help="the answer as it came")
    if name == "status":
        command.add_argument("--watch", action="store_true", help="until all containers ended")
    if name == "logs":
        command.add_argument("-c", "--container", metavar="NAME", help="default: the first one")
        command.add_argument("-f", "--follow", action="store_true", help="until it ends")
        command.add_argument("--tail", type=int, default=0, metavar="N", help="last N lines")
        command.add_argument("--timestamps", action="store_true")
        command.add_argument("--previous", action="store_true", help="of the run before")


class Commands:
    """The commands, on one plugin.

    Args:
        plugin: whom to ask.
        pods: remembered UIDs.
        out: where answers go.
        sleep: waits between two looks.
    """

    def __init__(
        self,
        plugin: PluginConnection,
        pods: KnownPods,
        out: TextIO | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._plugin = plugin
        self._pods = pods
        self._out = out or sys.stdout
        self._sleep = sleep

    def run(self, options: argparse.Namespace) -> None:
        """Carry one out.

        Raises:
            SlurmPluginError: it failed; the message says why.
        """
        manifest = read_manifest(options.pod)
        commands: Mapping[str, Callable[[Manifest, argparse.Namespace], None]] = {
            "submit": self._submit,
            "status": self._status,
            "logs": self._logs,
            "delete": self._delete,
        }
        commands[options.command](manifest, options)

    def _submit(self, manifest: Manifest, options: argparse.Namespace) -> None:
        pod = self._pods.submitted(manifest)
        answer = self._plugin.ask("POST", "/create", pod.create_request())
        if options.json:
            self._say(json.dumps(answer))
        else:
            self._say(f"pod {pod.namespace}/{pod.name}: UID {pod.uid}, job {answer['PodJID']}")

    def _status(self, manifest: Manifest, options: argparse.Namespace) -> None:
        pod = self._pods.known(manifest)
        shown = ""
        while True:
            status = self._ask_status(pod)
            text = json.dumps(status) if options.json else self._text(pod, status)
            if text != shown:
                self._say(text)
                shown = text
            if not options.watch or has_ended(status):
                return
            self._sleep(_POLL_SECONDS)

    def _ask_status(self, pod: Manifest) -> dict[str, Any]:
        answer: list[dict[str, Any]] = self._plugin.ask("GET", "/status", [pod.pod])
        return answer[0]

    def _text(self, pod: Manifest, status: Mapping[str, Any]) -> str:
        head = f"pod {pod.namespace}/{pod.name}, job {status.get('JID') or '-'}"
        return f"{head}\n{table(status)}".rstrip()

    def _logs(self, manifest: Manifest, options: argparse.Namespace) -> None:
        pod = self._pods.known(manifest)
        body = {
            "Namespace": pod.namespace,
            "PodUID": pod.uid,
            "PodName": pod.name,
            "ContainerName": options.container or _first_container(pod),
            "Opts": {
                "Tail": options.tail,
                "Bytes": 0,
                "Timestamps": options.timestamps,
                "Follow": options.follow,
                "Previous": options.previous,
                "SinceSeconds": 0,
                "SinceTime": _ZERO_TIME,
            },
        }
        for piece in self._plugin.stream("GET", "/getLogs", body):
            self._out.write(piece.decode(errors="replace"))
            self._out.flush()

    def _delete(self, manifest: Manifest, options: argparse.Namespace) -> None:
        del options
        pod = self._pods.known(manifest)
        for _ in self._plugin.stream("POST", "/delete", pod.pod):
            pass
        self._pods.forget(manifest)
        self._say(f"pod {pod.namespace}/{pod.name} is being deleted")

    def _say(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()


def _first_container(manifest: Manifest) -> str:
    names = [str(one.get("name")) for one in manifest.pod["spec"].get("containers") or []]
    if not names:
        raise InvalidRequest("spec.containers: empty")
    return names[0]
