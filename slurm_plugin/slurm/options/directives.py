"""Options as `#SBATCH` lines, quoted for sbatch's own reader of them.

That reader is no shell (get_argument() in src/sbatch/opt.c): it knows quotes and backslashes, ends
a line at an unquoted `#`, dies on a leading `:`, and splits jobs at the word `hetjob`. So there is
one option a line, always as `--name=value`.
"""

import re
from collections.abc import Iterable
from typing import Final

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.slurm.base import SbatchOption

_PLAIN: Final = re.compile(r"[\w@%+=:,./~^-]*", re.ASCII)
_NOT_IN_A_LINE: Final = re.compile(r"[\n\r\0]")


def directives(options: Iterable[SbatchOption]) -> list[str]:
    """Write options as `#SBATCH` lines.

    Args:
        options: canonical names.

    Returns:
        One line an option, without line ends.

    Raises:
        InvalidRequest: a value holds a line break or a NUL.
    """
    return [f"#SBATCH --{option.name}{_value(option)}" for option in options]


def _value(option: SbatchOption) -> str:
    if option.value is None:
        return ""
    if _NOT_IN_A_LINE.search(option.value):
        raise InvalidRequest(
            f"the value of sbatch option --{option.name} holds a line break or a NUL"
        )
    return "=" + _quoted(option.value)


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
