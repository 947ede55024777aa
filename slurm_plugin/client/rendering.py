"""`slurm-plugin render`: what a pod would become, without SLURM."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import msgspec

from slurm_plugin.api.wire import Decoders
from slurm_plugin.client.manifests import Manifest
from slurm_plugin.config.settings import Settings
from slurm_plugin.jobs.identity import key_of
from slurm_plugin.jobs.translate import TranslatedPod, translate
from slurm_plugin.pods import layout
from slurm_plugin.pods.plan import PlannedFile

# Stands for the UID that Kubernetes gives.
NO_UID = "00000000-0000-0000-0000-000000000000"


def rendered(manifest: Manifest, settings: Settings) -> TranslatedPod:
    """Translate a manifest as a create would.

    Raises:
        InvalidRequest: the pod can't become a job.
    """
    known = manifest if manifest.uid else manifest.with_uid(NO_UID)
    request = Decoders().create(msgspec.json.encode(known.create_request()))
    key = key_of(request.pod.metadata if request.pod else None)
    root = settings.jobs.data_root_folder.absolute()
    return translate(request, settings, root / layout.directory_name(key.namespace, key.uid))


def as_text(translated: TranslatedPod) -> str:
    """Job, notes, files and script, for people."""
    return "\n".join(
        [*_job(translated), *_notes(translated), *_files(translated), *_script(translated)]
    )


def as_json(translated: TranslatedPod) -> str:
    """The same for programs; files without content."""
    spec = asdict(translated.spec)
    spec["options"] = [_option(option) for option in spec["options"]]
    files = [
        {"path": file.path, "mode": f"{file.mode:04o}", "bytes": len(file.content)}
        for file in translated.plan.files
    ]
    answer = {"job": spec, "files": files, "notes": list(translated.plan.notes)}
    return json.dumps(answer, indent=2) + "\n"


def _option(option: dict[str, Any]) -> str:
    value = option["value"]
    return f"--{option['name']}" if value is None else f"--{option['name']}={value}"


def _job(translated: TranslatedPod) -> Iterator[str]:
    spec = translated.spec
    yield "=== job"
    yield f"name:      {spec.name}"
    yield f"comment:   {spec.comment}"
    yield f"directory: {spec.work_dir}"
    yield f"output:    {spec.output}"
    yield f"user:      {_user(translated)}"
    for option in spec.options:
        yield f"option:    {_option(asdict(option))}"
    for name, value in spec.environment.items():
        yield f"variable:  {name}={value}"


def _user(translated: TranslatedPod) -> str:
    spec = translated.spec
    return "the plugin's own" if spec.uid is None else f"{spec.uid}:{spec.gid}"


def _notes(translated: TranslatedPod) -> Iterator[str]:
    if translated.plan.notes:
        yield "=== notes"
        yield from translated.plan.notes


def _files(translated: TranslatedPod) -> Iterator[str]:
    for file in translated.plan.files:
        yield f"=== file {file.path} (mode {file.mode:04o}, {len(file.content)} bytes)"
        yield _shown(file)


def _shown(file: PlannedFile) -> str:
    if file.path.startswith("secrets/"):
        return "(not shown)"
    try:
        return file.content.decode().rstrip("\n")
    except UnicodeDecodeError:
        return "(not text)"


def _script(translated: TranslatedPod) -> Iterator[str]:
    yield f"=== file {layout.SCRIPT}"
    yield translated.spec.script
