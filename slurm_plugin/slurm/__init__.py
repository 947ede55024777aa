"""Everything SLURM: backends, states, options. Workers import it, so it stays empty."""
