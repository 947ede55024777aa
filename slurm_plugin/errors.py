"""The errors of the plugin, split by what the caller should do.

- SlurmPluginError            root: catch this to catch everything of ours
  - InvalidRequest            the request can never work as it stands: change it (400)
  - SlurmRefused              SLURM understood and said no, in its own words: change it (422)
  - BackendUnavailable        SLURM is away, slow or rate-limiting: ask again later (503)
  - UnexpectedAnswer          SLURM said something that the plugin does not understand (502)
  - StorageFailed             the pod's directory could not be written or read (507)
  - ServiceBusy               a limit of the plugin itself is reached: ask again later (503)
  - ConfigError               the settings can't work: the plugin does not start

Messages are one sentence that names the pod, the job or the field, and the remedy. They reach
`kubectl describe pod`, so they hold neither secrets nor tracebacks. Exceptions of other libraries
are converted where they are called, with `raise ... from`.
"""


class SlurmPluginError(Exception):
    """Root of all errors that the plugin raises on purpose."""


class InvalidRequest(SlurmPluginError):  # noqa: N818 - named for what happened
    """The request is wrong: nothing was changed, and repeating it won't help."""


class SlurmRefused(SlurmPluginError):  # noqa: N818
    """SLURM rejected the job (unknown partition, limits, ...); the message is SLURM's own."""


class BackendUnavailable(SlurmPluginError):  # noqa: N818
    """SLURM did not answer in time, or the worker that asked it died.

    Attributes:
        outcome_unknown: True when a change was sent and may have been carried out all the same
            (a submission whose answer was lost): look for the job before sending it again.
        retry_after: seconds after which asking again makes sense.
    """

    def __init__(
        self, message: str, *, outcome_unknown: bool = False, retry_after: int = 5
    ) -> None:
        super().__init__(message)
        self.outcome_unknown = outcome_unknown
        self.retry_after = retry_after


class UnexpectedAnswer(SlurmPluginError):  # noqa: N818
    """SLURM's answer could not be understood: a defect here or an unknown SLURM release."""


class StorageFailed(SlurmPluginError):  # noqa: N818
    """The data folder could not be written or read (full, read-only, no permission)."""


class ServiceBusy(SlurmPluginError):  # noqa: N818
    """A limit of the plugin is reached (log followers, for one).

    Attributes:
        retry_after: seconds after which asking again makes sense.
    """

    def __init__(self, message: str, *, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ConfigError(SlurmPluginError):
    """The settings are wrong; `problems` holds one sentence for each thing to mend."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
