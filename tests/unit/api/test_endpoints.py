"""What interLink's API server gets for what it sends (contract, sections 1 to 5)."""

import falcon
import falcon.testing
import pytest

from slurm_plugin.app import create_app
from slurm_plugin.config.settings import CapacitySettings, Taint
from slurm_plugin.errors import (
    ConfigError,
    ServiceBusy,
    StorageFailed,
    UnexpectedAnswer,
)
from slurm_plugin.slurm.base import NodeInfo
from slurm_plugin.slurm.states import JobState
from tests.fakes.fake_backend import INVALID_PARTITION, away
from tests.fakes.pods import UID, create_body, manifest, sample, uid_of
from tests.fakes.world import World

FLAGS = "slurm-job.vk.io/flags"
HEADERS = {"Content-Type": "application/json", "InterLink-Http-Session": "CreatePod#1"}


def _post(client, path, body):
    return client.simulate_post(path, json=body, headers=HEADERS)


def _status(client, *pods):
    return client.simulate_get("/status", json=list(pods), headers=HEADERS)


def _is_one_plain_line(result):
    assert result.headers["content-type"].startswith("text/plain")
    assert result.text
    assert "\n" not in result.text
    assert "Traceback" not in result.text
    return True


@pytest.mark.parametrize(
    ("name", "uid"),
    [
        ("create_minimal.json", UID),
        ("create_list.json", UID),
        ("create_partial_offload.json", UID[:-2] + "73"),
    ],
)
def test_a_create_as_any_release_sends_it_is_answered_with_two_texts(client, name, uid):
    result = _post(client, "/create", sample(name))
    assert (result.status_code, result.json) == (200, {"PodUID": uid, "PodJID": "1"})
    assert result.headers["content-type"].startswith("application/json")


def test_null_lists_are_empty_lists(client):
    body = create_body()
    body["container"] = None
    body["pod"]["metadata"] |= {"annotations": None, "labels": None}
    body["pod"]["spec"] |= {"initContainers": None, "volumes": None}
    body["pod"]["spec"]["containers"][0] |= {"env": None, "command": None, "volumeMounts": None}
    assert _post(client, "/create", body).status_code == 200


def test_unknown_fields_are_ignored(client):
    body = create_body() | {"new": {"deep": [1]}}
    body["pod"]["spec"]["alsoNew"] = True
    assert _post(client, "/create", body).status_code == 200


def test_creating_twice_answers_the_same(client, world):
    first = _post(client, "/create", create_body())
    assert _post(client, "/create", [create_body()]).json == first.json
    assert world.backend.calls["submit"] == 1


def test_slurms_refusal_is_passed_on_in_its_own_words(client, world):
    result = _post(client, "/create", create_body(annotations={FLAGS: "--partition=nosuch"}))
    assert result.status_code == 422
    assert INVALID_PARTITION in result.text
    assert _is_one_plain_line(result)
    assert world.directories() == []


def test_while_slurm_is_away_the_pod_is_accepted_with_its_uid_and_submitted_once_later(
    client, world
):
    world.backend.go_away()
    result = _post(client, "/create", create_body())
    assert (result.status_code, result.json) == (200, {"PodUID": UID, "PodJID": UID})
    (status,) = _status(client, manifest()).json
    assert "waiting" in status["containers"][0]["state"]
    world.backend.come_back()
    world.rounds(40)
    assert world.backend.job_ids(UID) == [1]
    assert _status(client, manifest()).json[0]["JID"] == "1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"[{},{}]",
        b'"x"',
        b"\xff\xfe",
        b"{}",
        b'{"pod":null}',
        b'{"pod":{"metadata":{"name":1}}}',
        b'{"pod":{"metadata":{"name":"a","namespace":"..","uid":"..","annotations":{"a":1}}}}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
@pytest.mark.parametrize("path", ["/create", "/delete"])
def test_a_body_that_is_none_is_the_senders_mistake_in_one_line(client, world, path, body):
    result = client.simulate_post(path, body=body, headers=HEADERS)
    assert result.status_code == 400
    assert _is_one_plain_line(result)
    assert world.backend.calls.total() == 0


def test_the_mistake_is_named_with_its_place(client):
    body = create_body()
    body["pod"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": 7}]
    result = _post(client, "/create", body)
    assert result.status_code == 400
    assert "pod.spec.containers[0].env[0].value: expected str" in result.text


def test_an_empty_status_list_is_a_ping(client, world):
    first = client.simulate_get("/status", body="[]", headers=HEADERS)
    assert (first.status_code, first.json) == (200, {"status": "ok"})
    world.backend.set_nodes([NodeInfo("n1", 64, 512 * 1024, gres={"gpu:a100": 8})])
    world.rounds(1)
    resources = client.simulate_get("/status", body="[]", headers=HEADERS).json["resources"]
    assert resources == {
        "cpu": "64",
        "memory": "524288Mi",
        "pods": "10000",
        "accelerators": [{"resourceType": "nvidia.com/gpu", "available": "8"}],
    }


@pytest.mark.parametrize("body", [b"", b" [ ] \n", b"null"])
def test_a_ping_may_be_written_in_many_ways_and_needs_no_slurm(client, world, body):
    world.backend.go_away()
    assert client.simulate_get("/status", body=body).json == {"status": "ok"}


def test_the_ping_tells_the_taints(tmp_path):
    taint = Taint(key="k", value="v", effect="NoExecute")
    world = World(tmp_path, capacity=CapacitySettings(taints=(taint,)))
    client = falcon.testing.TestClient(create_app(world.settings, world.boot()))
    ping = client.simulate_get("/status", body="[]").json
    assert ping["taints"] == [{"key": "k", "value": "v", "effect": "NoExecute"}]
    world.close()


def test_a_status_has_the_clients_spelling(client, world):
    _post(client, "/create", create_body(init=("first",)))
    world.backend.set_state(1, JobState.FAILED, exit_code=3)
    result = _status(client, manifest(init=("first",)))
    (pod,) = result.json
    assert result.headers["content-type"].startswith("application/json")
    assert (pod["name"], pod["UID"], pod["namespace"], pod["JID"]) == ("demo", UID, "default", "1")
    (container,) = pod["containers"]
    end = container["state"]["terminated"]
    assert list(container["state"]) == ["terminated"]
    assert (end["exitCode"], type(end["exitCode"])) == (3, int)
    assert end["finishedAt"].endswith("Z")
    assert {"name", "ready", "restartCount", "image", "imageID", "lastState"} <= set(container)
    assert [c["name"] for c in pod["initContainers"]] == ["first"]


def test_many_pods_are_answered_in_the_order_of_the_request(client, world):
    pods = sample("status_3pods.json")
    for pod in pods:
        _post(client, "/create", {"pod": pod, "container": None})
    answer = _status(client, *reversed(pods)).json
    assert [p["UID"] for p in answer] == [p["metadata"]["uid"] for p in reversed(pods)]
    for given, told in zip(reversed(pods), answer, strict=True):
        for key in ("containers", "initContainers"):
            names = [c["name"] for c in given["spec"].get(key) or []]
            assert [c["name"] for c in told[key] or []] == names


def test_containers_that_were_not_offloaded_are_told_too(client):
    body = sample("create_partial_offload.json")
    _post(client, "/create", body)
    pod = body["pod"]
    pod["spec"]["containers"].insert(1, {"name": "c1", "image": "busybox"})
    pod["spec"]["initContainers"] = [{"name": "i0", "image": "busybox"}]
    (answer,) = _status(client, pod).json
    assert [c["name"] for c in answer["containers"]] == ["c0", "c1", "c2"]
    assert [c["name"] for c in answer["initContainers"]] == ["i0"]


def test_an_unknown_pod_is_in_doubt_and_not_left_out(client):
    result = _status(client, manifest())
    assert result.status_code == 503
    assert int(result.headers["retry-after"]) > 0
    assert _is_one_plain_line(result)


def test_a_status_without_containers_is_refused(client):
    _post(client, "/create", create_body())
    pod = manifest()
    pod["spec"] = None
    assert _status(client, pod).status_code == 400


def test_a_status_before_slurms_first_word_is_in_doubt(client, world):
    _post(client, "/create", create_body())
    world.backend.go_away()
    assert _status(client, manifest()).status_code == 503


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_delete_as_interlink_sends_it_is_answered_at_once_and_twice(client, world, method):
    pod = sample("delete.json")
    _post(client, "/create", {"pod": pod | {"metadata": pod["metadata"] | {"annotations": None}}})
    assert world.backend.calls["submit"] == 1
    for _ in range(2):
        assert client.simulate_request(method, "/delete", json=pod).status_code == 200
    world.rounds(60)
    assert world.backend.job(1).state is JobState.CANCELLED
    assert world.directories() == []
    assert client.simulate_request(method, "/delete", json=pod).status_code == 200


def test_deleting_an_unknown_pod_is_fine(client):
    assert _post(client, "/delete", manifest()).status_code == 200


def test_a_create_after_the_delete_is_answered_and_submits_nothing(client, world):
    _post(client, "/delete", manifest())
    result = _post(client, "/create", create_body())
    assert (result.status_code, result.json) == (200, {"PodUID": UID, "PodJID": UID})
    world.rounds(10)
    assert world.backend.calls["submit"] == 0


@pytest.mark.parametrize("path", ["/", "/nosuch", "/create/x", "/updateCache"])
def test_unknown_paths_are_404_in_plain_text(client, path):
    result = client.simulate_get(path)
    assert result.status_code == 404
    assert _is_one_plain_line(result)


@pytest.mark.parametrize(("method", "path"), [("GET", "/create"), ("PUT", "/status")])
def test_wrong_methods_are_405_in_plain_text(client, method, path):
    result = client.simulate_request(method, path)
    assert result.status_code == 405
    assert _is_one_plain_line(result)


def test_a_slash_at_the_end_is_neither_redirected_nor_unknown(client):
    assert client.simulate_get("/status/", body="[]").status_code == 200


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StorageFailed("disk: full"), 507),
        (UnexpectedAnswer("what"), 502),
        (ServiceBusy("busy", retry_after=7), 503),
        (away(), 503),
        (ConfigError(["a"]), 500),
    ],
)
def test_each_error_has_its_status(client, world, monkeypatch, error, status):
    def fail(pod):
        raise error

    monkeypatch.setattr(world.plugin.pods, "delete", fail)
    result = _post(client, "/delete", manifest())
    assert (result.status_code, result.text) == (status, str(error))
    assert _is_one_plain_line(result)
    retry = getattr(error, "retry_after", None)
    assert result.headers.get("retry-after") == (None if retry is None else str(retry))


def test_an_unforeseen_error_tells_nothing_of_the_inside(client, world, monkeypatch):
    def fail(pod):
        raise KeyError("secret\nvalue")

    monkeypatch.setattr(world.plugin.pods, "delete", fail)
    result = _post(client, "/delete", manifest())
    assert result.status_code == 500
    assert result.text == "internal error: the plugin's log has the details"
    assert _is_one_plain_line(result)


def test_a_long_error_is_cut(client, world, monkeypatch):
    def fail(pod):
        raise StorageFailed("x\n" * 5000)

    monkeypatch.setattr(world.plugin.pods, "delete", fail)
    assert len(_post(client, "/delete", manifest()).text) == 1000


def test_system_info_tells_how_slurm_is(client, world):
    info = client.simulate_get("/system-info").json
    assert (info["status"], info["slurm_connected"], info["backend"]) == ("ok", True, "fake")
    assert info["slurm_release"] == "26.05.5"
    world.backend.go_away()
    info = client.simulate_post("/system-info").json
    assert (info["status"], info["slurm_connected"]) == ("warning", False)
    assert "slurm controller" in info["error"]


def test_health_needs_nothing_and_readiness_needs_slurm(client, world):
    assert client.simulate_get("/readyz").status_code == 200
    world.backend.go_away()
    assert client.simulate_get("/readyz").status_code == 503
    assert client.simulate_get("/healthz").text == "ok"


def test_the_plugin_is_not_ready_before_the_folder_was_looked_through(world):
    client = falcon.testing.TestClient(create_app(world.settings, world.boot(recover=False)))
    assert client.simulate_get("/readyz").status_code == 503


def test_answers_know_their_length(client):
    _post(client, "/create", create_body(uid_of(1)))
    result = client.simulate_get("/status", body="[]")
    assert int(result.headers["content-length"]) == len(result.content)
