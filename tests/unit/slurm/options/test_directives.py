"""`#SBATCH` lines, read back as sbatch's own reader of them does."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.slurm.options import SbatchOption, directives


def words_of(line: str) -> list[str]:
    """get_argument() of src/sbatch/opt.c (24.11): quotes, backslashes, and `#` ends the line."""
    words: list[str] = []
    word, inside, quote, escaped = "", False, "", False
    for character in line.removeprefix("#SBATCH"):
        if escaped:
            word, escaped = word + character, False
        elif character == "\\":
            inside = escaped = True
        elif quote:
            word, quote = (word, "") if character == quote else (word + character, quote)
        elif character in "'\"":
            inside, quote = True, character
        elif character.isspace():
            words, word, inside = ([*words, word], "", False) if inside else (words, word, inside)
        elif character == "#":
            break
        else:
            word, inside = word + character, True
    assert not quote
    return [*words, word] if inside else words


_VALUES = st.text(st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]))


@given(_VALUES)
@example("a#b")
@example(" hetjob ")
@example('\\"')
@example("it's")
@example(":x")
@example("\\")
def test_any_value_comes_back(value: str) -> None:
    (line,) = directives([SbatchOption("extra", value)])
    assert line.startswith("#SBATCH --")
    assert words_of(line) == [f"--extra={value}"]


def test_one_line_an_option() -> None:
    lines = directives([SbatchOption("exclusive"), SbatchOption("gres", "gpu:a100:2")])
    assert lines == ["#SBATCH --exclusive", "#SBATCH --gres=gpu:a100:2"]


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b"])
def test_what_would_end_the_line_is_refused(value: str) -> None:
    with pytest.raises(InvalidRequest, match="--extra"):
        directives([SbatchOption("extra", value)])
