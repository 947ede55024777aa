"""`slurm-plugin doctor`: what is wrong on this host and this cluster, and what to do about it."""
