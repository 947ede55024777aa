"""Images from a registry: entrypoint, one pull for all pods, logins, failures in words."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cluster.apptainer.registry import Registry
from tests.cluster.client import Client, container, exit_codes, pod

LOGIN_PORT = 5001
LOGIN = "pods:sample"


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as running:
        yield running


@pytest.fixture
def tag() -> str:
    """Never pulled before."""
    return uuid.uuid4().hex


def run(client: Client, script: str, image: str, **more: object) -> str:
    sent = pod(container("main", script, image, **more))
    client.create(sent).json()
    assert exit_codes(client.wait_ended(sent)) == {"main": 0}, client.log(sent, "main")
    return client.log(sent, "main")


def test_an_image_of_a_registry_runs_with_its_environment(
    client: Client, registry: Registry, tag: str
) -> None:
    script = 'echo "$FROM_IMAGE"'
    assert run(client, script, registry.image(tag), imagePullPolicy="IfNotPresent") == "yes\n"


def test_without_a_command_the_entrypoint_runs(
    client: Client, registry: Registry, tag: str
) -> None:
    sent = pod({"name": "main", "image": registry.image(tag), "args": ["echo args; echo more"]})
    plain = pod({"name": "main", "image": registry.image(tag)})
    for one in (sent, plain):
        client.create(one).json()
    for one in (sent, plain):
        assert exit_codes(client.wait_ended(one)) == {"main": 0}, client.log(one, "main")
    assert client.log(sent, "main") == "args\nmore\n"
    assert client.log(plain, "main") == "the entrypoint of the image\n"


def test_twenty_pods_at_once_pull_once(client: Client, registry: Registry, tag: str) -> None:
    first = uuid.uuid4().hex
    run(client, "true", registry.image(first), imagePullPolicy="IfNotPresent")
    image = registry.image(tag)
    more = {"imagePullPolicy": "IfNotPresent"}
    pods = [pod(container("main", f"echo {n}", image, **more)) for n in range(20)]
    with ThreadPoolExecutor(10) as pool:
        for answer in pool.map(client.create, pods):
            assert answer.status == 200, answer.text
    for number, one in enumerate(pods):
        assert exit_codes(client.wait_ended(one, 120)) == {"main": 0}
        assert client.log(one, "main") == f"{number}\n"
    assert registry.fetched[tag] == registry.fetched[first] > 0


def test_always_asks_the_registry_again_and_never_does_not(
    client: Client, registry: Registry, tag: str
) -> None:
    image = registry.image(tag)
    run(client, "true", image, imagePullPolicy="Always")
    once = registry.fetched[tag]
    run(client, "true", image, imagePullPolicy="Always")
    assert registry.fetched[tag] == 2 * once
    run(client, "true", image, imagePullPolicy="Never")
    assert registry.fetched[tag] == 2 * once


@pytest.mark.parametrize(
    ("policy", "reason", "words"),
    [
        ("IfNotPresent", "ErrImagePull", "manifest unknown"),
        ("Never", "ErrImageNeverPull", "not in the cache"),
    ],
)
def test_an_image_that_cant_be_had_says_why(
    client: Client, registry: Registry, policy: str, reason: str, words: str
) -> None:
    image = registry.image("nosuch")
    sent = pod(container("main", "echo ran", image, imagePullPolicy=policy))
    client.create(sent).json()
    state = client.wait_ended(sent)["containers"][0]["state"]["terminated"]
    assert state["exitCode"] != 0
    assert reason in state["reason"] + state["message"]
    assert words in state["message"]
    log = client.log(sent, "main")
    assert words in log
    assert "ran" not in log.splitlines()


def test_a_registry_with_a_login(client: Client, tag: str) -> None:
    with Registry(LOGIN_PORT, LOGIN) as private:
        assert run(client, "echo in", private.image(tag), imagePullPolicy="IfNotPresent") == "in\n"
        assert private.refused > 0
    with Registry(LOGIN_PORT, "pods:another") as closed:
        image = closed.image(uuid.uuid4().hex)
        sent = pod(
            container("main", "true", image), imagePullSecrets=[{"name": "of-the-namespace"}]
        )
        client.create(sent).json()
        state = client.wait_ended(sent)["containers"][0]["state"]["terminated"]
        assert "ErrImagePull" in state["reason"] + state["message"]
        assert closed.fetched == {}
