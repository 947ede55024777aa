"""What only Apptainer does: the container with SLURM 26.05 has it, the older ones do not."""

from pathlib import Path

collect_ignore_glob = [] if Path("/usr/bin/apptainer").exists() else ["test_*.py"]
