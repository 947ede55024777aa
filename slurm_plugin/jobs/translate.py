"""A create request becomes a job: the one place where pods and sbatch options meet."""

import os
import pwd
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from slurm_plugin.config.settings import Settings
from slurm_plugin.errors import InvalidRequest
from slurm_plugin.jobs import mark
from slurm_plugin.pods import layout
from slurm_plugin.pods.manifest import CreateRequest
from slurm_plugin.pods.plan import PodPlan, plan_pod
from slurm_plugin.slurm import options
from slurm_plugin.slurm.base import JobSpec
from slurm_plugin.slurm.commands.directives import script_directives
from slurm_plugin.slurm.options import values

_PRIVILEGED = ("priority", "reboot")
_SAFE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FALLBACK_WORK_DIR = "/tmp"  # noqa: S108 - the job's working directory on the node, not a file


@dataclass(frozen=True, slots=True)
class TranslatedPod:
    """A plan and the job that carries it out."""

    plan: PodPlan
    spec: JobSpec


def translate(
    request: CreateRequest, settings: Settings, directory: Path, *, folder: str = ""
) -> TranslatedPod:
    """Translate a pod; touches nothing.

    Args:
        request: what the client sent.
        settings: the plugin's settings.
        directory: the pod's directory, absolute; need not exist.
        folder: id of the data folder, for the job's mark.

    Raises:
        InvalidRequest: the pod can't become a job; the message names the field.
    """
    shared = settings.jobs.shared_fs
    plan = plan_pod(request, settings.pods, directory=str(directory), shared_fs=shared)
    uid, gid = _identity(plan, settings)
    spec = JobSpec(
        name=plan.uid,
        comment=mark.comment(plan.namespace, plan.name, plan.uid, folder),
        script="",
        output=str(directory / layout.JOB_OUTPUT),
        work_dir=str(directory) if shared else _FALLBACK_WORK_DIR,
        options=_merged_options(plan, settings),
        environment=_environment(settings, uid),
        uid=uid,
        gid=gid,
    )
    directives = "\n".join(script_directives(spec))
    script = f"#!{settings.pods.bash_path}\n{directives}\n{plan.body}"
    return TranslatedPod(plan, replace(spec, script=script))


def _merged_options(plan: PodPlan, settings: Settings) -> tuple[options.SbatchOption, ...]:
    """Flavor, then annotation, then pod: the later one wins (Go plugin's order of strength)."""
    denied = settings.slurm.denied_options
    flavor = options.parse_words(plan.flavor_flags)
    source = "annotation slurm-job.vk.io/flags"
    annotation = options.parse_text(plan.annotation_flags, source)
    options.refuse_owned(flavor, (), source="flavor")
    options.refuse_owned(annotation, denied, source)
    if os.geteuid() == 0:
        _refuse_privileged(annotation, source)
    merged = options.merge(plan.default_options, flavor, annotation)
    return options.merge(merged, _not_longer(plan.pod_options, merged))


def _refuse_privileged(annotation: Sequence[options.SbatchOption], source: str) -> None:
    """SLURM takes a root plugin's word for these; a pod's author has no such rights (sbatch(1))."""
    options.refuse_owned(annotation, _PRIVILEGED, source)
    for option in annotation:
        if option.name == "nice" and (option.value or "").strip().startswith("-"):
            raise InvalidRequest(f"{source}: --nice below zero needs privileges in SLURM")


def _not_longer(
    pod_options: Sequence[options.SbatchOption], others: Sequence[options.SbatchOption]
) -> list[options.SbatchOption]:
    """The pod's options, without a time limit above the one that flags give.

    activeDeadlineSeconds bounds a pod from above; it does not lengthen what somebody asked for.
    """
    asked = next((o.value or "" for o in others if o.name == "time"), None)
    limit = None if asked is None else values.minutes(asked)
    return [
        option
        for option in pod_options
        if option.name != "time" or not isinstance(limit, int) or int(option.value or limit) < limit
    ]


def _identity(plan: PodPlan, settings: Settings) -> tuple[int | None, int | None]:
    """Numeric user and group of the job; None for the plugin's own user.

    Only root may submit for others (sbatch(1), --uid); an ordinary plugin runs every pod as
    itself, as the README says.
    """
    if os.geteuid() != 0:
        return None, None
    uid = plan.run_as_uid if plan.run_as_uid is not None else settings.pods.default_uid
    uid = 0 if uid is None else uid
    if uid == 0 and not settings.pods.allow_root_jobs:
        raise InvalidRequest(
            f"{plan.run_as_field}: the job would run as root; name another user there, "
            "in the flavor or as DefaultUID, or set AllowRootJobs"
        )
    return uid, _group_of(uid, plan)


def _group_of(uid: int, plan: PodPlan) -> int:
    """The group that the pod asks for, when the user is in it, or the user's own."""
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        raise InvalidRequest(f"{plan.run_as_field}: user {uid} is unknown on this host") from None
    wanted = plan.run_as_gid
    if wanted is None:
        return user.pw_gid
    if wanted not in os.getgrouplist(user.pw_name, user.pw_gid):
        field = plan.run_as_field.replace("runAsUser", "runAsGroup")
        raise InvalidRequest(f"{field}: user {uid} is not in group {wanted}")
    return wanted


def _environment(settings: Settings, uid: int | None) -> Mapping[str, str]:
    """The job's whole environment: nothing of the service's own gets into it."""
    try:
        user = pwd.getpwuid(os.geteuid() if uid is None else uid)
    except KeyError:
        identity = {}
    else:
        identity = {
            "HOME": user.pw_dir,
            "USER": user.pw_name,
            "LOGNAME": user.pw_name,
            "SHELL": user.pw_shell,
        }
    return {"PATH": _SAFE_PATH, "LANG": "C.UTF-8", **identity, **settings.pods.job_environment}
