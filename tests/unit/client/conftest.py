"""A manifest on disk, and a stub of a plugin on loopback."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

POD = """
kind: Pod
metadata: {name: hello, labels: {made: 2026-01-31}}
spec:
  initContainers:
  - {name: first, image: a.sif}
  containers:
  - name: main
    image: a.sif
    command: [sh, -c, "echo $GREETING"]
    envFrom:
    - {prefix: P_, configMapRef: {name: texts}}
    env:
    - {name: PLAIN, value: x}
    - {name: GREETING, valueFrom: {configMapKeyRef: {name: texts, key: greeting}}}
    - {name: PASSWORD, valueFrom: {secretKeyRef: {name: login, key: password}}}
    - {name: ABSENT, valueFrom: {secretKeyRef: {name: nosuch, key: k, optional: true}}}
    - {name: NODE, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    volumeMounts: [{name: v, mountPath: /v}, {name: s, mountPath: /s}]
  volumes:
  - {name: v, configMap: {name: texts}}
  - {name: s, secret: {secretName: login}}
---
kind: ConfigMap
metadata: {name: texts}
data: {greeting: good day}
---
kind: ConfigMap
metadata: {name: texts, namespace: elsewhere}
data: {greeting: wrong}
---
kind: Secret
metadata: {name: login}
stringData: {password: hush}
---
kind: Service
metadata: {name: other}
"""


@pytest.fixture
def pod_file(tmp_path):
    path = tmp_path / "pod.yaml"
    path.write_text(POD)
    return path


class StubPlugin:
    """Answers from `answers` by path; a list is given out one by one, its last one for good."""

    def __init__(self):
        self.asked = []
        self.answers = {"/create": {"PodUID": "u", "PodJID": "7"}, "/delete": b"deleted"}
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                stub.asked.append((self.command, self.path, body))
                status, answer = stub.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_GET  # noqa: N815 - http.server finds it by this name

            def log_message(self, *arguments):
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def answer(self, path):
        answer = self.answers[path]
        if isinstance(answer, list) and path == "/status":
            answer = [answer.pop(0) if len(answer) > 1 else answer[0]]
        if isinstance(answer, tuple):
            return answer
        return 200, answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def plugin():
    stub = StubPlugin()
    yield stub
    stub.close()
