"""Options as pyslurm's attributes, or told to be beyond it: never dropped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.slurm.options import (
    SbatchOption,
    merge,
    native_arguments,
    parse_text,
    unmapped_options,
)
from slurm_plugin.slurm.options.table import OPTIONS, Argument

_NO_VAL = 0xFFFFFFFE
_NO_VAL16 = 0xFFFE


def arguments(text: str) -> dict[str, object]:
    return native_arguments(merge(parse_text(text)))


def beyond(text: str) -> tuple[str, ...]:
    return unmapped_options(merge(parse_text(text)))


@pytest.mark.parametrize(
    ("text", "attribute", "value"),
    [
        ("-A science", "account", "science"),
        ("--time=1:30", "time_limit", 2),
        ("--mem=2G", "memory_per_node", 2048),
        ("--mem-per-cpu=100M", "memory_per_cpu", 100),
        ("-C 'a&b'", "constraints", "a&b"),
        ("--gres=gpu:a100:2", "gres_per_node", {"gpu:a100": 2}),
        ("--gres=shard:1 --gpus-per-node=2", "gres_per_node", {"gpu": 2, "shard": 1}),
        ("-d afterok:5", "dependencies", "afterok:5"),
        ("--exclusive", "resource_sharing", "no"),
        ("--exclusive=user", "resource_sharing", "user"),
        ("-s", "resource_sharing", "yes"),
        ("--mail-type=END,FAIL", "mail_types", "end,fail"),
        ("--hold", "priority", 0),
        ("--nice", "nice", 100),
        ("--nice=-5", "nice", -5),
        ("--no-requeue", "is_requeueable", False),
        ("--delay-boot=5", "delay_boot_time", "5:00"),
        ("--reservation=x", "reservations", "x"),
        ("--gres-flags=enforce-binding", "gres_binding", "enforce-binding"),
        ("-w n1,n2", "required_nodes", "n1,n2"),
        ("--tmp=1G", "temporary_disk_per_node", 1024),
    ],
)
def test_an_option_becomes_an_attribute(text, attribute, value):
    assert arguments(text)[attribute] == value


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("--hint=nomultithread", ("hint",)),
        ("--switches=1", ("switches",)),
        ("--mem=0", ("mem",)),
        ("--overcommit", ("overcommit",)),
        ("--begin=1200", ("begin",)),
        ("--nodes=1,3-5", ("nodes",)),
        ("-w n[1-3]", ("nodelist",)),
        ("--gres=none", ("gres",)),
        ("--gres=gpu:1 --gpus-per-node=2", ("gres",)),
        ("--mail-type=ALL", ("mail-type",)),
        ("--exclusive=topo", ("exclusive",)),
        ("--threads-per-core=1", ("threads-per-core",)),
        ("--gpus=mygpu:1", ("gpus",)),
        ("-n 70000", ("ntasks",)),
        ("-n 1000 -c 100", ("ntasks",)),
    ],
)
def test_what_pyslurm_cant_say_is_named(text, names):
    assert beyond(text) == names
    with pytest.raises(InvalidRequest, match=f"--{names[0]}.*UnmappedOptions"):
        arguments(text)


@pytest.mark.parametrize(
    ("text", "nodes", "tasks", "per_task", "cpus"),
    [
        ("", f"{_NO_VAL}-{_NO_VAL}", _NO_VAL, _NO_VAL16, 1),
        ("-n8", f"{_NO_VAL}-{_NO_VAL}", 8, _NO_VAL16, 8),
        ("-N2 -n8", "2-2", 8, _NO_VAL16, 8),
        ("-N2-4 -n3", "2-3", 3, _NO_VAL16, 3),
        ("-N4 -n2", "2-2", 2, _NO_VAL16, 2),
        ("-N2", "2-2", _NO_VAL, _NO_VAL16, 2),
        ("-N2 --ntasks-per-node=4 -c2", "2-2", _NO_VAL, 2, 16),
        ("-n8 --ntasks-per-node=3", f"3-{_NO_VAL}", 8, _NO_VAL16, 8),
        ("-c4", f"{_NO_VAL}-{_NO_VAL}", _NO_VAL, 4, 4),
    ],
)
def test_counts_are_sbatchs(text, nodes, tasks, per_task, cpus):
    found = arguments(text)
    counts = [found[n] for n in ("nodes", "ntasks", "cpus_per_task", "min_cpus_per_node")]
    assert counts == [nodes, tasks, per_task, cpus]


_ANY = st.builds(
    lambda option, value: SbatchOption(
        option.name, None if option.argument is Argument.NONE else value
    ),
    st.sampled_from(OPTIONS),
    st.text(max_size=12),
)
_BASE = native_arguments(())


@given(_ANY)
def test_every_option_is_either_said_or_named(option):
    unmapped = unmapped_options([option])
    if unmapped:
        assert unmapped == (option.name,)
    else:
        assert native_arguments([option]) != _BASE
