"""An OTLP gRPC receiver on loopback, and certificates for it."""

import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from types import SimpleNamespace

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


class Receiver(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self):
        self.names = []

    def Export(self, request, context):  # noqa: N802 - gRPC's name
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.names += [span.name for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest.fixture
def collector():
    """Starts receivers; gives the names of the spans that arrived, and the port."""
    servers = []

    def start(tls=None):
        server = grpc.server(ThreadPoolExecutor(max_workers=2))
        receiver = Receiver()
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(receiver, server)
        if tls is None:
            port = server.add_insecure_port("localhost:0")
        else:
            key, certificate = tls.key.read_bytes(), tls.certificate.read_bytes()
            credentials = grpc.ssl_server_credentials(
                [(key, certificate)], root_certificates=certificate, require_client_auth=True
            )
            port = server.add_secure_port("localhost:0", credentials)
        server.start()
        servers.append(server)
        return receiver.names, port

    yield start
    for server in servers:
        server.stop(None).wait()


@pytest.fixture
def certificates(tmp_path):
    """Makes self-signed certificates for localhost."""

    def make(name):
        made = SimpleNamespace(key=tmp_path / f"{name}.key", certificate=tmp_path / f"{name}.crt")
        if not made.key.exists():
            subprocess.run(
                [
                    *["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"],
                    *("-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost"),
                    *("-keyout", made.key, "-out", made.certificate),
                ],
                check=True,
                capture_output=True,
            )
        return made

    return make


@pytest.fixture
def closed_port():
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def silent_port():
    """Takes connections and never says a word."""
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        yield silent.getsockname()[1]
