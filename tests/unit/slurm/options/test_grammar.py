"""sbatch's command line, read as sbatch reads it."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.slurm.options import SbatchOption, parse_text, parse_words
from slurm_plugin.slurm.options.table import BY_SHORT_NAME, OPTIONS, Argument


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("-n4", [("ntasks", "4")]),
        ("-n 4", [("ntasks", "4")]),
        ("--ntasks=4", [("ntasks", "4")]),
        ("--ntasks 4", [("ntasks", "4")]),
        ("--tasks-per-node=2", [("ntasks-per-node", "2")]),
        ("--reserv=x", [("reservation", "x")]),
        ("-Hs", [("hold", None), ("oversubscribe", None)]),
        ("-Hn4", [("hold", None), ("ntasks", "4")]),
        ("--exclusive", [("exclusive", None)]),
        ("--exclusive=user", [("exclusive", "user")]),
        ("--exclusive -n1", [("exclusive", None), ("ntasks", "1")]),
        ("-k", [("no-kill", None)]),
        ("--nice -n 2", [("nice", None), ("ntasks", "2")]),
        ("--extra='a b=c'", [("extra", "a b=c")]),
        ("--extra=", [("extra", "")]),
        ("-n1 -n2", [("ntasks", "1"), ("ntasks", "2")]),
        ("-t -1", [("time", "-1")]),
    ],
)
def test_what_sbatch_reads(text: str, expected: list[tuple[str, str | None]]) -> None:
    assert [(option.name, option.value) for option in parse_text(text)] == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("--nosuch=1", "unknown sbatch option --nosuch"),
        ("--partion=x", "did you mean --partition?"),
        ("-y", "unknown sbatch option -y"),
        ("--mem-=1", "ambiguous"),
        ("--gpus-per=1", "ambiguous: --gpus-per-node, --gpus-per-socket, --gpus-per-task"),
        ("--hold=1", "takes no value"),
        ("--ntasks", "needs a value"),
        ("-n", "needs a value"),
        ("script", "the script is the plugin's"),
        ("-", "the script is the plugin's"),
        ("-- x", "the script is the plugin's"),
        ("--extra='x", "can't be split"),
        ("--extra='a\nb'", "line break"),
        ("--extra 'a\rb'", "line break"),
        ("--extra=a\0b", "NUL"),
    ],
)
def test_what_sbatch_would_not_take_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_text(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["a" * 5000, "--" + "a" * 5000, "-\u202e", "--\x1b[2J=1"])
def test_refusals_are_short_and_printable_and_name_their_source(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_text(text, "annotation x")
    message = str(caught.value)
    assert message.startswith("annotation x: ")
    assert len(message) < 250
    assert message.isascii()
    assert message.isprintable()


def test_names_and_letters_are_told_apart() -> None:
    names = [name for option in OPTIONS for name in (option.name, *option.aliases)]
    letters = [option.short for option in OPTIONS if option.short]
    assert len(set(names)) == len(names)
    assert len(set(letters)) == len(letters)
    known = {option.name for option in OPTIONS}
    assert all(known.issuperset(option.conflicts) for option in OPTIONS)


_TEXT = st.text(st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]), min_size=1)
_WITH_VALUE = st.sampled_from([o for o in OPTIONS if o.argument is not Argument.NONE])


@given(st.lists(st.tuples(_WITH_VALUE, _TEXT)))
def test_any_value_comes_back_from_quoted_text(given_options) -> None:
    text = " ".join(shlex.quote(f"--{option.name}={value}") for option, value in given_options)
    expected = tuple(SbatchOption(option.name, value) for option, value in given_options)
    assert parse_text(text) == expected


@given(st.sampled_from(sorted(BY_SHORT_NAME)), _TEXT)
def test_a_letter_takes_the_rest_of_its_word(letter, value) -> None:
    option = BY_SHORT_NAME[letter]
    if option.argument is not Argument.NONE:
        assert parse_words([f"-{letter}{value}"]) == (SbatchOption(option.name, value),)


@given(st.lists(st.text(), max_size=5))
def test_any_words_are_read_or_refused(words) -> None:
    try:
        options = parse_words(words)
    except InvalidRequest:
        return
    assert len(options) >= len(words) // 2
