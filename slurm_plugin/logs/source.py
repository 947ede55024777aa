"""Which files hold a container's log, and whether more can come."""

from dataclasses import dataclass
from pathlib import Path

from slurm_plugin.jobs.container_files import ContainerFile, read_container, read_pod
from slurm_plugin.jobs.record import ContainerRecord, PodRecord
from slurm_plugin.jobs.status import of_this_run
from slurm_plugin.jobs.store import PodStore
from slurm_plugin.logs.files import LogFile, open_log
from slurm_plugin.logs.query import LogQuery
from slurm_plugin.pods import layout

# The Virtual Kubelet asks for each pod's status every few seconds.
_WORD_OF_SLURM_SECONDS = 30.0


@dataclass(frozen=True)
class LogSource:
    """One container's files.

    Attributes:
        directory: the pod's directory.
        candidates: the container as an app and as an init container where its kind is not known.
        without_start_times: state files are missing (the Go plugin): who has a log has started.
    """

    store: PodStore
    query: LogQuery
    directory: Path
    candidates: tuple[ContainerRecord, ...]
    without_start_times: bool = False

    def open(self) -> LogFile | None:
        """The log; None while there is none.

        Raises:
            StorageFailed: there is one and it can't be opened.
        """
        for container in self.candidates:
            init = container.kind != "app"
            name = layout.log_file(container.name, init=init)
            if self.query.previous:
                name = layout.previous_log_file(container.name, init=init)
            log = open_log(self.directory, name)
            if log is not None:
                return log
        return None

    def open_index(self) -> LogFile | None:
        """The index of the log; None where nobody wrote one (previous runs, the Go plugin)."""
        if self.query.previous:
            return None
        for container in self.candidates:
            name = layout.log_index_file(container.name, init=container.kind != "app")
            index = open_log(self.directory, name)
            if index is not None:
                return index
        return None

    def open_job_output(self) -> LogFile | None:
        """What SLURM and the batch script wrote themselves."""
        return open_log(self.directory, layout.JOB_OUTPUT)

    def over(self, now: float) -> bool:
        """Whether the container ended, or its pod did, at `now` (epoch seconds).

        What SLURM stopped may run again (requeue): then SLURM's word is waited for, unless nobody
        asks for it.
        """
        record = self.store.load(self.query.pod)
        if record is None or record.final is not None or record.phase == "refused":
            return True
        pod = of_this_run(read_pod(self.store, self.query.pod) or ContainerFile(), record.last_job)
        state = self._state()
        if pod.stopped is not None and record.delete_requested is None:
            ends = [end for end in (state.finished, pod.finished) if end is not None]
            return bool(ends) and now - min(ends) > _WORD_OF_SLURM_SECONDS
        return state.ended or pod.finished is not None

    def never_started(self, now: float) -> bool:
        """Whether the container is over without ever having run (False for previous runs)."""
        if self.query.previous or self._state().started is not None:
            return False
        return self.over(now) and not (self.without_start_times and self._has_log())

    def _has_log(self) -> bool:
        log = self.open()
        if log is not None:
            log.close()
        return log is not None

    def _state(self) -> ContainerFile:
        record = self.store.load(self.query.pod)
        job = None if record is None else record.last_job
        files = [read_container(self.store, self.query.pod, each) for each in self.candidates]
        states = [of_this_run(file, job) for file in files]
        return next((state for state in states if state != ContainerFile()), ContainerFile())


def source_of(store: PodStore, query: LogQuery) -> LogSource | None:
    """The files of the container; None when pod or container are not known.

    Raises:
        StorageFailed: the pod's record can't be read.
    """
    record = store.load(query.pod)
    if record is None:
        return None
    candidates = _candidates(record, query.container)
    if not candidates:
        return None
    return LogSource(store, query, store.directory(query.pod), candidates, record.go_plugin)


def _candidates(record: PodRecord, name: str) -> tuple[ContainerRecord, ...]:
    if not name:
        # kubectl names the container always; other clients mean the first one.
        return tuple(each for each in record.containers if each.kind == "app")[:1]
    if record.go_plugin or not record.containers:
        return (ContainerRecord(name, "app"), ContainerRecord(name, "init"))
    return tuple(each for each in record.containers if each.name == name)
