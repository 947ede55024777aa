"""sbatch's options: one table, and what is done with it (parse, merge, refuse, write, map)."""

from slurm_plugin.slurm.base import SbatchOption
from slurm_plugin.slurm.options.directives import directives
from slurm_plugin.slurm.options.grammar import parse_text, parse_words
from slurm_plugin.slurm.options.merge import merge, refuse_owned
from slurm_plugin.slurm.options.native import native_arguments, unmapped_options

__all__ = [
    "SbatchOption",
    "directives",
    "merge",
    "native_arguments",
    "parse_text",
    "parse_words",
    "refuse_owned",
    "unmapped_options",
]
