"""The table of sbatch's options.

One row an option, after the option tables of SLURM 22.05, 24.11 (src/common/slurm_opt.c) and the
man page of 26.05. How an option reaches pyslurm stands in `native.py`, beside the transforms.
"""

from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import Final


class Argument(Enum):
    """What follows an option: getopt's no_argument, required_argument, optional_argument."""

    NONE = auto()
    REQUIRED = auto()
    OPTIONAL = auto()


@dataclass(frozen=True, slots=True)
class Option:
    """One option of sbatch.

    Attributes:
        name: canonical long name, without dashes.
        argument: whether it takes a value.
        short: its letter; empty for none.
        aliases: other long names with the same meaning.
        conflicts: options that a later layer's use of this one displaces, since SLURM takes only
            one of them.
        owned: who decides instead; annotations and flavors may not set the option then.
    """

    name: str
    argument: Argument = Argument.REQUIRED
    short: str = ""
    aliases: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    owned: str = ""


_NONE = Argument.NONE
_OPTIONAL = Argument.OPTIONAL

_NO_TASK = "the job would not be submitted"
_ONE_JOB = "a pod is exactly one job"
_READS_FILE = "it would read a file of the plugin's host"
_CLUSTER = "the plugin watches one cluster"

OPTIONS: Final = (
    Option("account", short="A"),
    Option("acctg-freq"),
    Option("array", short="a", owned=_ONE_JOB),
    Option("autocomplete", owned=_NO_TASK),
    Option("batch"),
    Option("bb", conflicts=("bbf",)),
    Option("bbf", owned=_READS_FILE, conflicts=("bb",)),
    Option("begin", short="b"),
    Option("chdir", short="D", owned="the plugin sets the pod's directory"),
    Option("cluster-constraint"),
    Option("clusters", short="M", aliases=("cluster",), owned=_CLUSTER),
    Option("comment", owned="the plugin marks its jobs there"),
    Option("consolidate-segments", _NONE),
    Option("constraint", short="C"),
    Option("container"),
    Option("container-id"),
    Option("container-type"),
    Option("context"),
    Option("contiguous", _NONE),
    Option("core-spec", short="S", conflicts=("thread-spec",)),
    Option("cores-per-socket", conflicts=("extra-node-info", "hint")),
    Option("cpu-freq"),
    Option("cpus-per-gpu", conflicts=("cpus-per-task",)),
    Option("cpus-per-task", short="c", conflicts=("cpus-per-gpu",)),
    Option("deadline"),
    Option("delay-boot"),
    Option("dependency", short="d"),
    Option("distribution", short="m"),
    Option("error", short="e", owned="the plugin sets the output file"),
    Option("exclude", short="x"),
    Option("exclusive", _OPTIONAL, conflicts=("oversubscribe",)),
    Option("export", owned="the plugin sets the environment"),
    Option("export-file", owned=_READS_FILE),
    Option("extra"),
    Option(
        "extra-node-info",
        short="B",
        conflicts=("cores-per-socket", "hint", "sockets-per-node", "threads-per-core"),
    ),
    Option("get-user-env", _OPTIONAL),
    Option("gid", owned="the pod's securityContext and the flavor decide it"),
    Option("gpu-bind", conflicts=("tres-bind",)),
    Option("gpu-freq"),
    Option("gpus", short="G"),
    Option("gpus-per-node"),
    Option("gpus-per-socket", conflicts=("ntasks-per-gpu",)),
    Option("gpus-per-task", conflicts=("ntasks-per-gpu",)),
    Option("gres"),
    Option("gres-flags"),
    Option("help", _NONE, short="h", owned=_NO_TASK),
    Option(
        "hint",
        conflicts=(
            "cores-per-socket",
            "extra-node-info",
            "ntasks-per-core",
            "sockets-per-node",
            "threads-per-core",
        ),
    ),
    Option("hold", _NONE, short="H", conflicts=("priority",)),
    Option("ignore-pbs", _NONE, owned="the plugin always sets it"),
    Option("input", short="i", owned="a container has no input from the batch job"),
    Option("job-name", short="J", owned="the plugin finds its jobs by it"),
    Option("kill-on-invalid-dep"),
    Option("licenses", short="L"),
    Option("mail-type"),
    Option("mail-user"),
    Option("mcs-label"),
    Option("mem", conflicts=("mem-per-cpu", "mem-per-gpu")),
    Option("mem-bind"),
    Option("mem-per-cpu", conflicts=("mem", "mem-per-gpu")),
    Option("mem-per-gpu", conflicts=("mem", "mem-per-cpu")),
    Option("mem-update"),
    Option("mincpus"),
    Option("network"),
    Option("nice", _OPTIONAL),
    Option("no-kill", _OPTIONAL, short="k"),
    Option("no-requeue", _NONE, conflicts=("requeue",)),
    Option("nodefile", short="F", owned=_READS_FILE, conflicts=("nodelist",)),
    Option("nodelist", short="w", conflicts=("nodefile",)),
    Option("nodes", short="N", conflicts=("ntasks-per-gpu",)),
    Option("ntasks", short="n"),
    Option("ntasks-per-core", conflicts=("hint",)),
    Option(
        "ntasks-per-gpu",
        conflicts=(
            "gpus-per-socket",
            "gpus-per-task",
            "nodes",
            "ntasks-per-node",
            "ntasks-per-tres",
        ),
    ),
    Option("ntasks-per-node", aliases=("tasks-per-node",), conflicts=("ntasks-per-gpu",)),
    Option("ntasks-per-socket"),
    Option("ntasks-per-tres", conflicts=("ntasks-per-gpu",)),
    Option("oom-kill-step", _OPTIONAL),
    Option("open-mode"),
    Option("output", short="o", owned="the plugin sets the output file"),
    Option("overcommit", _NONE, short="O"),
    Option("oversubscribe", _NONE, short="s", conflicts=("exclusive",)),
    Option("parsable", _NONE, owned="the plugin reads sbatch's answer"),
    Option("partition", short="p"),
    Option("prefer"),
    Option("priority", conflicts=("hold",)),
    Option("profile"),
    Option("propagate", _OPTIONAL),
    Option("qos", short="q"),
    Option("quiet", _NONE, short="Q", owned="the plugin reads sbatch's answer"),
    Option("reboot", _NONE),
    Option("requeue", _OPTIONAL, conflicts=("no-requeue",)),
    Option("reservation"),
    Option("resources"),
    Option("resv-ports", _OPTIONAL),
    Option("segment"),
    Option("signal"),
    Option("sockets-per-node", conflicts=("extra-node-info", "hint")),
    Option("spread-job", _NONE),
    Option("spread-segments", _NONE),
    Option("stepmgr", _NONE),
    Option("switches"),
    Option("test-only", _NONE, owned=_NO_TASK),
    Option("thread-spec", conflicts=("core-spec",)),
    Option("threads-per-core", conflicts=("extra-node-info", "hint")),
    Option("time", short="t"),
    Option("time-min"),
    Option("tmp"),
    Option("tres-bind", conflicts=("gpu-bind",)),
    Option("tres-per-task"),
    Option("uid", owned="the pod's securityContext and the flavor decide it"),
    Option("usage", _NONE, owned=_NO_TASK),
    Option("use-min-nodes", _NONE),
    Option("verbose", _NONE, short="v", owned="the plugin reads sbatch's answer"),
    Option("version", _NONE, short="V", owned=_NO_TASK),
    Option("wait", _NONE, short="W", owned="the request would last as long as the job"),
    Option("wait-all-nodes"),
    Option("wckey"),
    Option("wrap", owned="the plugin writes the script"),
)

BY_NAME: Final = MappingProxyType({option.name: option for option in OPTIONS})
"""Canonical name to row."""
BY_LONG_NAME: Final = MappingProxyType(
    {name: option for option in OPTIONS for name in (option.name, *option.aliases)}
)
"""Every long name that sbatch takes to its row."""
BY_SHORT_NAME: Final = MappingProxyType({o.short: o for o in OPTIONS if o.short})
"""Every letter that sbatch takes to its row."""
