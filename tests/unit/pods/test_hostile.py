"""Whatever a field holds, a pod is either planned or refused with a sentence."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slurm_plugin.config.settings import PodSettings
from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.manifest import CreateRequest
from slurm_plugin.pods.plan import plan_pod

_REQUEST = json.loads(Path(__file__).with_name("golden").joinpath("full.json").read_text())
_SETTINGS = PodSettings.model_validate(_REQUEST.pop("settings"))
_VALUES = [
    None, True, -1, 2**70, 1.5, "", "\0", "\ud800", "../../etc", "/", "'", '"; touch canary; "',
    "$(touch canary)", "`touch canary`", "a\nsp_end_of_file\ntouch canary", "$(A)$(B)", "-x",
    "x" * 300, "9e99", [], {}, [None], {"a": None}, "-----BEGIN \\n",
]  # fmt: skip


def _leaves(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        if isinstance(inner, dict | list):
            yield from _leaves(inner, (*path, key))
        else:
            yield (*path, key)


_PATHS = [path for path in _leaves(_REQUEST) if path]


def _replaced(path, value):
    request = json.loads(json.dumps(_REQUEST))
    target = request
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return request


def _outcome(request, *, shared_fs):
    """The plan, or the sentence of the refusal, or None for what is no create request."""
    try:
        decoded = msgspec.json.decode(json.dumps(request), type=CreateRequest)
        return plan_pod(decoded, _SETTINGS, directory="/data/x", shared_fs=shared_fs)
    except msgspec.MsgspecError:
        return None
    except InvalidRequest as error:
        return str(error)


@settings(max_examples=400, deadline=None)
@given(path=st.sampled_from(_PATHS), value=st.sampled_from(_VALUES), shared_fs=st.booleans())
def test_a_hostile_field_is_planned_or_refused(path, value, shared_fs):
    outcome = _outcome(_replaced(path, value), shared_fs=shared_fs)
    if isinstance(outcome, str):
        assert outcome.isprintable()
        assert len(outcome) < 400
    elif outcome is not None:
        assert "\0" not in outcome.body
        assert not any(file.path.startswith("/") or ".." in file.path for file in outcome.files)


@pytest.mark.parametrize("shared_fs", [True, False])
def test_the_untouched_request_is_planned(shared_fs):
    assert _outcome(_REQUEST, shared_fs=shared_fs).containers
