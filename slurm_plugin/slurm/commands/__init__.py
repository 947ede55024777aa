"""SLURM through its commands: argv builders beside their parsers, one `run` for all processes."""
