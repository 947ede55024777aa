"""Stands in front of a native query module that may be built here: there is none."""

raise ModuleNotFoundError("No module named 'slurm_plugin_fastquery'")
