"""Layers of options made one, and options that only the plugin may set."""

import pytest

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.slurm.options import SbatchOption, merge, parse_text, refuse_owned
from slurm_plugin.slurm.options.table import OPTIONS


def merged(*layers: str) -> str:
    options = merge(*map(parse_text, layers))
    return " ".join(f"--{o.name}" if o.value is None else f"--{o.name}={o.value}" for o in options)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (["-n1 -pa", "--ntasks=2"], "--ntasks=2 --partition=a"),
        (["-n1 -n2 -n3"], "--ntasks=3"),
        (["--mem=1G -n1", "--mem-per-cpu=2G"], "--ntasks=1 --mem-per-cpu=2G"),
        (["--mem=1G --mem-per-cpu=2G"], "--mem=1G --mem-per-cpu=2G"),
        (["--hold", "--priority=5"], "--priority=5"),
        (["--exclusive", "-s"], "--oversubscribe"),
        (["-c2", "--cpus-per-gpu=4", "-c8"], "--cpus-per-task=8"),
        (["-Cold", "--constraint=new"], "--constraint=new"),
        (["--requeue"], "--requeue"),
        (["--requeue", "--no-requeue"], "--no-requeue"),
        ([], ""),
    ],
)
def test_the_later_layer_wins(layers: list[str], expected: str) -> None:
    assert merged(*layers) == expected


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="unknown sbatch option --nosuch"):
        merge([SbatchOption("nosuch", "1")])


OWNED = [option.name for option in OPTIONS if option.owned]


def test_the_owned_options_are_those_of_the_brief() -> None:
    brief = "uid gid output error chdir job-name comment wrap array parsable test-only export"
    assert set(brief.split()) <= set(OWNED)


@pytest.mark.parametrize("name", OWNED)
def test_owned_options_are_refused_with_a_reason(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        refuse_owned([SbatchOption(name, "1")], (), "annotation x")
    before, reason = str(caught.value).split("can't be set: ")
    assert before == f"annotation x: sbatch option --{name} "
    assert reason


@pytest.mark.parametrize("denied", ["qos", "--qos"])
def test_the_operator_denies_more(denied: str) -> None:
    with pytest.raises(InvalidRequest, match="DeniedOptions"):
        refuse_owned(parse_text("-q high"), [denied], "annotation x")
    refuse_owned(parse_text("-q high"), ["partition"], "annotation x")


def test_an_alias_denies_its_option() -> None:
    with pytest.raises(InvalidRequest, match="DeniedOptions"):
        refuse_owned(parse_text("--ntasks-per-node=2"), ["tasks-per-node"], "annotation x")


@pytest.mark.parametrize("text", ["-w/etc/shadow", "--exclude=./x", "--hint=help", "--gres=HELP"])
def test_values_that_read_files_or_print_lists_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        refuse_owned(parse_text(text), (), "annotation x")


def test_ordinary_options_pass() -> None:
    refuse_owned(parse_text("-w n[1-3] --gres=gpu:a100:2 -C 'a&b' --exclusive"), (), "x")
