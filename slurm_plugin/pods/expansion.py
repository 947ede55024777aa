"""`$(VAR)` as Kubernetes expands it (k8s.io/kubernetes/third_party/forked/golang/expansion)."""

import re
from collections.abc import Mapping

from slurm_plugin.errors import InvalidRequest

# The kernel passes no string longer than 32 pages (MAX_ARG_STRLEN); a variable's name and the
# runtime's prefix to it need room as well.
LONGEST_STRING = 131072 - 512

_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")
_VALUE_REFERENCE = re.compile(r"\$?\$\(([^)]*)\)")


def expand(text: str, variables: Mapping[str, str], field: str) -> str:
    """Expand in command and args: `$$` is a dollar; unknown names stay as they are.

    Raises:
        InvalidRequest: the result is longer than a program's argument may be.
    """
    _check_size(text, variables, field)

    def replaced(match: re.Match[str]) -> str:
        if match.group() == "$$":
            return "$"
        return variables.get(match.group(1), match.group())

    return _REFERENCE.sub(replaced, text)


def expand_value(text: str, variables: Mapping[str, str], field: str) -> str:
    """Expand in the value of a variable.

    The client has usually expanded values before (contract, 3.7), and resolved secrets stand
    among them, so a `$$` that belongs to no reference is left alone.

    Raises:
        InvalidRequest: as for `expand`.
    """
    _check_size(text, variables, field)

    def replaced(match: re.Match[str]) -> str:
        if match.group().startswith("$$"):
            return match.group()[1:]
        return variables.get(match.group(1), match.group())

    return _VALUE_REFERENCE.sub(replaced, text)


def _check_size(text: str, variables: Mapping[str, str], field: str) -> None:
    """Before anything is built: references to references could fill the memory."""
    size = len(text.encode())
    for match in _VALUE_REFERENCE.finditer(text):
        size += len(variables.get(match.group(1), "").encode())
    if size > LONGEST_STRING:
        raise InvalidRequest(
            f"{field}: {size} bytes are more than a program can be given ({LONGEST_STRING})"
        )
