"""sbatch's command line, read as getopt_long(3) reads it.

`-n4`, `-n 4`, `--ntasks=4`, `--ntasks 4`, `--ntas 4` (an unambiguous beginning), `-Hs` (bundled
flags), `--exclusive=user` (optional values only after `=`). What sbatch would take for the script's
name is refused here.
"""

import shlex
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.slurm.base import SbatchOption
from slurm_plugin.slurm.options.table import BY_LONG_NAME, BY_NAME, BY_SHORT_NAME, Argument, Option


def parse_text(text: str, source: str = "") -> tuple[SbatchOption, ...]:
    """Read options from one text, split by the shell's word rules (the flags annotation).

    Args:
        text: e.g. `-p gpu --comment='two words'`.
        source: where it comes from, for messages.

    Returns:
        The options in their order, canonical names; repetitions are kept.

    Raises:
        InvalidRequest: a quote is not closed, or as `parse_words`.
    """
    prefix = f"{source}: " if source else ""
    try:
        words = shlex.split(text)
    except ValueError as error:
        message = f"{prefix}sbatch options can't be split into words: {error}"
        raise InvalidRequest(message) from error
    try:
        return parse_words(words)
    except InvalidRequest as error:
        raise InvalidRequest(f"{prefix}{error}") from error


def parse_words(words: Sequence[str]) -> tuple[SbatchOption, ...]:
    """Read options from words, as sbatch reads its command line.

    Args:
        words: e.g. `["-p", "gpu", "--ntasks=4"]`.

    Returns:
        The options in their order, canonical names; repetitions are kept.

    Raises:
        InvalidRequest: an unknown or ambiguous option, a missing or superfluous value, a word
            that belongs to no option, or a character that no option can hold.
    """
    remaining = iter(words)
    options: list[SbatchOption] = []
    for word in remaining:
        _check_characters(word)
        if word.startswith("--") and word != "--":
            options.append(_long(word[2:], remaining))
        elif word.startswith("-") and word not in ("-", "--"):
            options.extend(_short(word[1:], remaining))
        else:
            raise InvalidRequest(
                f'"{_shown(word)}" is not an sbatch option: options begin with a dash, '
                "and the script is the plugin's"
            )
    return tuple(options)


def _check_characters(word: str) -> None:
    # sbatch reads the options from lines of the script, where these would end the option.
    if any(character in word for character in "\n\r\0"):
        raise InvalidRequest(
            f"the sbatch option {_shown(word.partition('=')[0])} holds a line break or a NUL"
        )


def _shown(text: str) -> str:
    """A hostile word for a message: short and on one line."""
    return ascii(text[:80])[1:-1]


def _long(word: str, remaining: Iterator[str]) -> SbatchOption:
    name, equals, value = word.partition("=")
    option = _find_long(name)
    if option.argument is Argument.NONE and equals:
        raise InvalidRequest(f"sbatch option --{option.name} takes no value")
    if option.argument is Argument.REQUIRED and not equals:
        value = _next_value(option, remaining)
        equals = "="
    return SbatchOption(option.name, value if equals else None)


def _find_long(name: str) -> Option:
    if name in BY_LONG_NAME:
        return BY_LONG_NAME[name]
    candidates = {o.name: o for long, o in BY_LONG_NAME.items() if name and long.startswith(name)}
    if len(candidates) == 1:
        return next(iter(candidates.values()))
    if candidates:
        meant = ", ".join(f"--{candidate}" for candidate in sorted(candidates))
        raise InvalidRequest(f"sbatch option {_shown(f'--{name}')} is ambiguous: {meant}")
    raise InvalidRequest(f"unknown sbatch option {_shown(f'--{name}')}{_suggestion(name)}")


def _suggestion(name: str) -> str:
    close = get_close_matches(name, BY_LONG_NAME, n=1)
    return f"; did you mean --{close[0]}?" if close else ""


def _short(letters: str, remaining: Iterator[str]) -> Iterator[SbatchOption]:
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter not in BY_SHORT_NAME:
            raise InvalidRequest(f"unknown sbatch option {_shown(f'-{letter}')}")
        option = BY_SHORT_NAME[letter]
        if option.argument is Argument.NONE:
            yield SbatchOption(option.name)
            continue
        value = letters or None
        if value is None and option.argument is Argument.REQUIRED:
            value = _next_value(option, remaining)
        yield SbatchOption(option.name, value)
        return


def _next_value(option: Option, remaining: Iterator[str]) -> str:
    value = next(remaining, None)
    if value is None:
        raise InvalidRequest(f"sbatch option --{option.name} needs a value")
    _check_characters(f"--{option.name}={value}")
    return value


def check_known(option: SbatchOption) -> Option:
    """Find the row of an option that did not come through the parser.

    Raises:
        InvalidRequest: sbatch has no option of that name.
    """
    try:
        return BY_NAME[option.name]
    except KeyError:
        message = f"unknown sbatch option --{option.name}{_suggestion(option.name)}"
        raise InvalidRequest(message) from None
