"""Bodies of requests: what is accepted, and the words for what is not."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slurm_plugin.api.wire import CreateAnswer, Decoders, encoded
from slurm_plugin.errors import InvalidRequest
from tests.fakes.pods import UID, create_body, manifest

DECODERS = Decoders()
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
)


@given(st.one_of(st.binary(), _json.map(lambda value: json.dumps(value).encode())))
def test_no_body_raises_anything_but_invalid_request(body):
    for decode in (DECODERS.create, DECODERS.pod, DECODERS.pods, DECODERS.logs):
        with contextlib.suppress(InvalidRequest):
            decode(body)


def test_an_object_and_a_list_of_one_are_the_same_create():
    one = json.dumps(create_body()).encode()
    assert DECODERS.create(one) == DECODERS.create(b"[" + one + b"]")


@pytest.mark.parametrize("count", [0, 2])
def test_a_list_of_several_pods_is_not_a_create(count):
    body = json.dumps([create_body()] * count).encode()
    with pytest.raises(InvalidRequest, match=f"{count} pods, expected exactly one"):
        DECODERS.create(body)


def test_the_answer_is_spelled_as_the_client_reads_it():
    assert json.loads(encoded(CreateAnswer("u", "1"))) == {"PodUID": "u", "PodJID": "1"}


def test_a_log_request_is_read_with_its_options():
    body = {
        "Namespace": "default",
        "PodUID": UID,
        "PodName": "demo",
        "ContainerName": "main",
        "Opts": {"Tail": 5, "Bytes": 6, "Follow": True, "SinceSeconds": 7, "SinceTime": "x"},
    }
    request = DECODERS.logs(json.dumps(body).encode())
    assert (request.pod_uid, request.container_name) == (UID, "main")
    assert request.opts is not None
    assert (request.opts.tail, request.opts.bytes, request.opts.follow) == (5, 6, True)
    assert (request.opts.since_seconds, request.opts.since_time) == (7, "x")


def test_a_time_of_year_1_and_a_missing_one_are_read():
    pod = manifest(creationTimestamp="0001-01-01T00:00:00Z")
    assert DECODERS.pod(json.dumps(pod).encode()).metadata is not None
    pod["metadata"]["creationTimestamp"] = None
    assert DECODERS.pod(json.dumps(pod).encode()).metadata is not None
