"""What a log request asks for, checked.

Source of the rules: Kubernetes' PodLogOptions and the kubelet's NewLogOptions; the zero values of
interLink's Go types mean "not asked for" (contract, section 1.6).
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from slurm_plugin.api.wire import LogOptions, LogRequest
from slurm_plugin.errors import InvalidRequest
from slurm_plugin.jobs.identity import PodKey, pod_key

# Kubernetes: container names are RFC 1123 labels.
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

# RFC 3339 as Go writes it: up to nine digits of a second, `Z` or an offset.
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_UNSET_YEAR = 1
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class LogQuery:
    """A checked log request.

    Attributes:
        container: name of the container; empty when the client named none.
        tail: lines from the end; None for all.
        limit: bytes of the answer, timestamps included; None for all.
        since: epoch seconds; lines written before are left out; None for all.
    """

    pod: PodKey
    container: str
    tail: int | None = None
    limit: int | None = None
    since: float | None = None
    timestamps: bool = False
    follow: bool = False
    previous: bool = False


def query_of(request: LogRequest, now: float) -> LogQuery:
    """Check a request that came in at `now` (epoch seconds).

    Raises:
        InvalidRequest: a name is none, a number is negative, a time can't be read.
    """
    options = request.opts or LogOptions()
    return LogQuery(
        pod=pod_key(request.namespace, request.pod_uid),
        container=_container(request.container_name),
        tail=_count("Opts.Tail", options.tail),
        limit=_count("Opts.Bytes", options.bytes),
        since=_since(options, now),
        timestamps=bool(options.timestamps),
        # What a container wrote before it was restarted grows no more.
        follow=bool(options.follow) and not options.previous,
        previous=bool(options.previous),
    )


def _container(name: str | None) -> str:
    if name and not _LABEL.fullmatch(name):
        raise InvalidRequest(f"ContainerName: {name[:80]!a} is not a container name")
    return name or ""


def _count(field: str, value: int | None) -> int | None:
    if value is None or value == 0:
        return None
    if not 0 < value <= _LARGEST:
        raise InvalidRequest(f"{field}: {value} is not a count")
    return value


def _since(options: LogOptions, now: float) -> float | None:
    """The later of both, as the kubelet takes it."""
    seconds = _count("Opts.SinceSeconds", options.since_seconds)
    moments = [] if seconds is None else [now - seconds]
    if options.since_time:
        moment = parse_time(options.since_time)
        if moment is not None:
            moments.append(moment)
    return max(moments, default=None)


def parse_time(text: str) -> float | None:
    """Epoch seconds of an RFC 3339 time; None for Go's zero time.

    Raises:
        InvalidRequest: it is not such a time.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise InvalidRequest(f"Opts.SinceTime: {text[:80]!a} is not an RFC 3339 time")
    day, clock, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{zone.upper().replace('Z', '+00:00')}")
        if moment.year == _UNSET_YEAR:
            return None
        whole = (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"Opts.SinceTime: {text[:80]!a}: {error}") from None
    return whole + float(f"0.{fraction or 0}")
