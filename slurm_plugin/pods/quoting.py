"""Text of a pod becomes words of a shell script: quoted, never evaluated."""

import shlex
from collections.abc import Iterable

from slurm_plugin.errors import InvalidRequest

# Characters that the runtimes' own bind syntax (`src:dst:opts,src:dst`) takes apart.
_BIND_SYNTAX = frozenset(":,\\\"'\n\r\t")


def checked(text: str, field: str) -> str:
    """The text itself, when the shell and the kernel can carry it.

    Raises:
        InvalidRequest: it holds a NUL or half of a surrogate pair.
    """
    if "\0" in text:
        raise InvalidRequest(f"{field}: a NUL character can't be passed to a program")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(f"{field}: not valid Unicode text") from None
    return text


def quote(text: str, field: str) -> str:
    """One shell word that stands for exactly this text."""
    return shlex.quote(checked(text, field))


def quoted_words(words: Iterable[str], field: str) -> str:
    """Several shell words, with blanks between."""
    return " ".join(quote(word, field) for word in words)


def split_words(text: str, field: str) -> tuple[str, ...]:
    """Take an annotation apart as a shell would, without expanding anything.

    Raises:
        InvalidRequest: a quote is not closed.
    """
    try:
        return tuple(shlex.split(checked(text, field)))
    except ValueError as error:
        raise InvalidRequest(f"{field}: {str(error).lower()}") from None


def shown(value: object) -> str:
    """A hostile value for a message: short and on one line."""
    text = value if isinstance(value, str) else repr(value)
    return ascii(text[:80]).replace("'", '"')


def bindable_path(path: str, field: str) -> str:
    """An absolute path that can stand in a runtime's bind option.

    Raises:
        InvalidRequest: it is relative, leads upwards, or holds characters of the bind syntax.
    """
    checked(path, field)
    if not path.startswith("/"):
        raise InvalidRequest(f"{field}: {shown(path)} is not an absolute path")
    _refuse_upwards(path, field)
    if not _BIND_SYNTAX.isdisjoint(path):
        raise InvalidRequest(f"{field}: {shown(path)} holds a character that can't be mounted")
    return path


def relative_path(path: str, field: str) -> str:
    """A path below a directory, checked before it touches the disk.

    Raises:
        InvalidRequest: it is absolute, leads upwards, is empty or too long for a file system.
    """
    checked(path, field)
    parts = path.split("/")
    if path.startswith("/") or not path or any(part in ("", ".") for part in parts):
        raise InvalidRequest(f"{field}: {shown(path)} is not a plain relative path")
    _refuse_upwards(path, field)
    if len(path.encode()) > 1024 or any(len(part.encode()) > 255 for part in parts):  # noqa: PLR2004 - limits of file systems
        raise InvalidRequest(f"{field}: {shown(path)} is too long for a file name")
    return path


def _refuse_upwards(path: str, field: str) -> None:
    if ".." in path.split("/"):
        raise InvalidRequest(f"{field}: {shown(path)} must not hold '..'")
