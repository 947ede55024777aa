"""`$(VAR)` as Kubernetes expands it (k8s.io/kubernetes/third_party/forked/golang/expansion)."""

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")
_VALUE_REFERENCE = re.compile(r"\$?\$\(([^)]*)\)")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Expand in command and args: `$$` is a dollar; unknown names stay as they are."""

    def replaced(match: re.Match[str]) -> str:
        if match.group() == "$$":
            return "$"
        return variables.get(match.group(1), match.group())

    return _REFERENCE.sub(replaced, text)


def expand_value(text: str, variables: Mapping[str, str]) -> str:
    """Expand in the value of a variable.

    The client has usually expanded values before (contract, 3.7), and resolved secrets stand
    among them, so a `$$` that belongs to no reference is left alone.
    """

    def replaced(match: re.Match[str]) -> str:
        if match.group().startswith("$$"):
            return match.group()[1:]
        return variables.get(match.group(1), match.group())

    return _VALUE_REFERENCE.sub(replaced, text)
