"""All checks, one line a finding, remedies below."""

from collections.abc import Iterable, Iterator
from typing import TextIO

from slurm_plugin.config.load import LoadedSettings
from slurm_plugin.doctor import cluster, host, trial_job
from slurm_plugin.doctor.finding import Finding, good, problem, warning
from slurm_plugin.errors import ConfigError
from slurm_plugin.slurm.choose import open_backend


def examine(loaded: LoadedSettings, flags: str, wait: float, out: TextIO) -> bool:
    """Look at everything and tell.

    Args:
        loaded: the settings, with their warnings.
        flags: sbatch options of the trial job.
        wait: seconds for the trial job; 0 for none.
        out: where findings go as they are found.

    Returns:
        Whether there is no problem; warnings do not count.
    """
    return write(_findings(loaded, flags, wait), out)


def write(findings: Iterable[Finding], out: TextIO) -> bool:
    """Write findings as they come; False when one is a problem."""
    sound = True
    for finding in findings:
        sound = sound and finding.level != "problem"
        out.write(f"{finding.level:8} {finding.text}\n")
        if finding.remedy:
            out.write(f"{'':8} -> {finding.remedy}\n")
        out.flush()
    return sound


def _findings(loaded: LoadedSettings, flags: str, wait: float) -> Iterator[Finding]:
    settings = loaded.settings
    yield good("the configuration can be used")
    for text in loaded.warnings:
        yield warning(text, "see conf/SlurmConfig.yaml for all keys")
    yield from host.data_folder(settings)
    yield from host.limits(settings)
    try:
        backend, reason = open_backend(settings.slurm)
    except ConfigError as error:
        yield problem(str(error), "see README, Installing; or set `Backend: auto`")
        return
    try:
        yield from cluster.controller(backend, reason, settings)
        yield from cluster.nodes(backend, settings)
        if wait > 0:
            yield from trial_job.trial(backend, settings, flags, wait)
    finally:
        backend.close()
