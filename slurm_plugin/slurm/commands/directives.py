"""All of a job's options as the head of its script, so that sbatch's own argv stays constant."""

from collections.abc import Iterator

from slurm_plugin.slurm.base import JobSpec, SbatchOption
from slurm_plugin.slurm.options import directives


def script_directives(spec: JobSpec) -> list[str]:
    """Write all of a job's options as lines for the head of its script.

    `--propagate=NONE` is added unless the options say otherwise: the limits of the plugin's
    service (open files, for one) are no business of the job.

    Args:
        spec: the job; its `script` is not read.

    Returns:
        Lines without line ends, to stand right after the interpreter line.

    Raises:
        InvalidRequest: a value holds a line break or a NUL.
    """
    fixed = tuple(_fixed_options(spec))
    names = {option.name for option in spec.options}
    propagate = () if "propagate" in names else (SbatchOption("propagate", "NONE"),)
    return directives((*fixed, *propagate, *spec.options))


def _fixed_options(spec: JobSpec) -> Iterator[SbatchOption]:
    yield SbatchOption("job-name", spec.name)
    yield SbatchOption("comment", spec.comment)
    yield SbatchOption("output", filename_pattern(spec.output))
    yield SbatchOption("chdir", spec.work_dir)
    if spec.uid is not None:
        yield SbatchOption("uid", str(spec.uid))
    if spec.gid is not None:
        yield SbatchOption("gid", str(spec.gid))


def filename_pattern(path: str) -> str:
    """Write a literal path as a pattern: `%` is special there (sbatch(1), filename pattern)."""
    return path.replace("%", "%%")
