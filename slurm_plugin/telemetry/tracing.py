"""OpenTelemetry traces: one span per request, and whatever `span` is put around inside it.

Off by default. No global state of OpenTelemetry's is touched: a request's tracer travels in a
context variable, so that `span` costs one look-up when tracing is off.
"""

import logging
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, Span, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from slurm_plugin.config.settings import TelemetrySettings
from slurm_plugin.errors import ConfigError
from slurm_plugin.release import release

if TYPE_CHECKING:  # the SDK takes a tenth of a second to import
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

TRACER_NAME: Final = "interlink-API"
_FLUSH_SECONDS: Final = 3.0
_SEND_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)
_tracer: Final[ContextVar[Tracer | None]] = ContextVar("tracer", default=None)


@contextmanager
def span(name: str, attributes: Mapping[str, AttributeValue] | None = None) -> Iterator[Span]:
    """A span around a piece of a request's work; an exception marks it as failed.

    Args:
        name: e.g. `sbatch`.
        attributes: e.g. `{"pod.name": "web"}`; never secrets.
    """
    tracer = _tracer.get()
    if tracer is None:
        yield INVALID_SPAN
        return
    with tracer.start_as_current_span(name, attributes=attributes) as current:
        yield current


def trace_environment() -> dict[str, str]:
    """TRACEPARENT and TRACESTATE of the current span for a job's environment; empty when off."""
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return {name.upper(): value for name, value in carrier.items()}


class Tracing:
    """The tracer of the service, or none.

    Args:
        provider: where spans go; None when tracing is off.
    """

    def __init__(self, provider: "TracerProvider | None" = None) -> None:
        self._provider = provider
        self._source = provider.get_tracer(TRACER_NAME) if provider else None

    @property
    def enabled(self) -> bool:
        """Spans are sent."""
        return self._source is not None

    def enter_request(self, headers: Mapping[str, str], name: str) -> Span:
        """Begin a request's span, as a child of the caller's (W3C `traceparent`)."""
        _tracer.set(self._source)
        if self._source is None:
            return INVALID_SPAN
        parent = TraceContextTextMapPropagator().extract(
            {key.lower(): value for key, value in headers.items()},
        )
        return self._source.start_span(name, context=parent, kind=trace.SpanKind.SERVER)

    def close(self) -> None:
        """Send what is left, for at most 3 seconds."""
        if self._provider is None:
            return
        # A daemon: the SDK's own shutdown waits for a dead collector as long as it likes.
        flush = threading.Thread(target=self._provider.shutdown, name="spans-flush", daemon=True)
        flush.start()
        flush.join(_FLUSH_SECONDS)
        if flush.is_alive():
            _log.warning("the last spans were not sent: the collector does not answer")


def open_tracing(settings: TelemetrySettings, environ: Mapping[str, str]) -> Tracing:
    """Prepare tracing; the collector is not asked yet.

    Raises:
        ConfigError: the extra `otlp` is not installed, or a certificate can't be read.
    """
    if not settings.enable_tracing:
        return Tracing()
    return Tracing(provider_for(_exporter(settings, environ), settings, environ))


def provider_for(
    exporter: "SpanExporter", settings: TelemetrySettings, environ: Mapping[str, str]
) -> "TracerProvider":
    """A provider that sends spans in the background.

    OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER and the OTEL_BSP_* variables are the SDK's own.
    """
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    resource = Resource.create(
        {
            "service.name": _service_name(settings, environ),
            "service.version": release(),
        }
    )
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _service_name(settings: TelemetrySettings, environ: Mapping[str, str]) -> str:
    if not settings.telemetry_unique_id and environ.get("OTEL_SERVICE_NAME"):
        return environ["OTEL_SERVICE_NAME"]
    return f"Plugin-{settings.telemetry_unique_id or uuid.uuid4()}"


def _exporter(settings: TelemetrySettings, environ: Mapping[str, str]) -> "SpanExporter":
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
    except ImportError as error:
        raise ConfigError(
            ["EnableTracing needs the extra otlp: pip install 'slurm-plugin[otlp]'"]
        ) from error
    endpoint = _endpoint(settings, environ)
    credentials = _credentials(settings)
    if credentials is not None:
        return OTLPSpanExporter(endpoint=endpoint, credentials=credentials, timeout=_SEND_SECONDS)
    insecure = not endpoint.startswith("https://")
    return OTLPSpanExporter(endpoint=endpoint, insecure=insecure, timeout=_SEND_SECONDS)


def _endpoint(settings: TelemetrySettings, environ: Mapping[str, str]) -> str:
    """The plugin's own setting when it is given, else the standard variables, else the default."""
    default = TelemetrySettings.model_fields["telemetry_endpoint"].default
    if settings.telemetry_endpoint != default:
        return settings.telemetry_endpoint
    for variable in ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        if environ.get(variable):
            return environ[variable]
    return settings.telemetry_endpoint


def _credentials(settings: TelemetrySettings) -> Any:
    """TLS with the collector's certificate verified against the CA, and ours shown to it."""
    if not settings.telemetry_ca_crt_file_path:
        return None
    # By name: grpc comes with the extra and has no types.
    grpc: Any = import_module("grpc")
    return grpc.ssl_channel_credentials(
        root_certificates=_file("TelemetryCaCrtFilePath", settings.telemetry_ca_crt_file_path),
        private_key=_file("TelemetryClientKeyFilePath", settings.telemetry_client_key_file_path),
        certificate_chain=_file(
            "TelemetryClientCrtFilePath", settings.telemetry_client_crt_file_path
        ),
    )


def _file(key: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError([f"{key} can't be read: {path}: {error.strerror}"]) from error
