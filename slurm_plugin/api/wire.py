"""The contract's own messages: what is neither a Kubernetes object nor a status.

Source of the shapes: interLink's Go types, as `contract.md` section 1 lists them.
"""

from typing import Any, TypeVar

import msgspec

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.manifest import CreateRequest, Pod

T = TypeVar("T")


class CreateAnswer(msgspec.Struct, rename="pascal"):
    """Answer of `/create`: both are text, or the client fails the pod."""

    pod_uid: str = msgspec.field(name="PodUID")
    pod_jid: str = msgspec.field(name="PodJID")


class LogOptions(msgspec.Struct, rename="pascal"):
    """`Opts` of a log request; zero values mean "not asked for"."""

    tail: int | None = None
    bytes: int | None = None
    timestamps: bool | None = None
    follow: bool | None = None
    previous: bool | None = None
    since_seconds: int | None = None
    since_time: str | None = None


class LogRequest(msgspec.Struct, rename="pascal"):
    """Body of `/getLogs`."""

    namespace: str | None = None
    pod_uid: str | None = msgspec.field(default=None, name="PodUID")
    pod_name: str | None = None
    container_name: str | None = None
    opts: LogOptions | None = None


class Decoders:
    """Decoders for the bodies of requests, made once."""

    def __init__(self) -> None:
        self._create: msgspec.json.Decoder[CreateRequest | list[CreateRequest]]
        self._create = msgspec.json.Decoder(CreateRequest | list[CreateRequest])
        self._pods = msgspec.json.Decoder(list[Pod] | None)
        self._pod = msgspec.json.Decoder(Pod)
        self._logs = msgspec.json.Decoder(LogRequest)

    def create(self, body: bytes) -> CreateRequest:
        """One object, or the one-element list of interLink 0.3 and 0.4.

        Raises:
            InvalidRequest: not that.
        """
        decoded = _decoded(self._create, body)
        if not isinstance(decoded, list):
            return decoded
        if len(decoded) != 1:
            raise InvalidRequest(f"body: a list of {len(decoded)} pods, expected exactly one")
        return decoded[0]

    def pods(self, body: bytes) -> list[Pod]:
        """A list of pods; an empty body and null count as the empty list (a ping)."""
        return _decoded(self._pods, body) or [] if body.strip() else []

    def pod(self, body: bytes) -> Pod:
        """One bare pod.

        Raises:
            InvalidRequest: not that.
        """
        return _decoded(self._pod, body)

    def logs(self, body: bytes) -> LogRequest:
        """A log request.

        Raises:
            InvalidRequest: not that.
        """
        return _decoded(self._logs, body)


def _decoded(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        field = where.strip("`").removeprefix("$").lstrip(".") or "body"
        raise InvalidRequest(f"{field}: {_small(what)}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"body: not JSON: {error}") from None
    except RecursionError:
        raise InvalidRequest("body: nested too deeply") from None


def _small(text: str) -> str:
    """The decoder's words as the second half of a sentence."""
    return text[:1].lower() + text[1:].replace("`", "")


def encoded(value: Any) -> bytes:
    """JSON bytes of an answer."""
    return msgspec.json.encode(value)
