"""The plugin dies at each of its durable steps; the next one puts everything right."""

import pytest

from slurm_plugin.slurm.states import JobState
from tests.fakes.faulty_files import FaultyFiles, Killed
from tests.fakes.pods import UID, create_of, pod_of
from tests.fakes.world import World

_NO_GRACE = {"deletionGracePeriodSeconds": 0}


def _create(world):
    return world.plugin.pods.create(create_of())


def _create_and_delete(world):
    _create(world)
    world.plugin.pods.delete(pod_of(**_NO_GRACE))
    world.delete_answered = True
    world.rounds(30)


def _steps(tmp_path, act):
    """Names of the durable steps of an undisturbed run."""
    world = World(tmp_path / "undisturbed")
    files = FaultyFiles()
    world.boot(files)
    files.changes.clear()
    act(world)
    world.close()
    return list(files.changes)


def _crashed(root, act, at, *, after_effect):
    """A world whose plugin died at this step; and whether it did."""
    world = World(root)
    files = FaultyFiles()
    world.boot(files)
    files.changes.clear()
    files.at, files.kill, files.after_effect = at, True, after_effect
    with pytest.raises(Killed):
        act(world)
    return world


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_crash_in_create_leaves_one_job_with_a_record_or_neither(tmp_path, after_effect):
    steps = _steps(tmp_path, _create)
    assert len(steps) > 5
    for at in range(1, len(steps) + 1):
        world = _crashed(tmp_path / f"{at}", _create, at, after_effect=after_effect)
        world.boot()
        world.rounds(10)
        jobs, key = world.backend.job_ids(UID), next(iter(world.plugin.store.keys()), None)
        record = world.plugin.store.load(key) if key else None
        where = f"killed at step {at}: {steps[at - 1]}"
        assert jobs == ([record.job_id] if record else []), where
        assert _create(world).jid == "1", where
        assert world.backend.job_ids(UID) == [1], where
        world.close()


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_crash_in_delete_ends_in_a_deleted_pod(tmp_path, after_effect):
    steps = _steps(tmp_path, _create_and_delete)
    first = len(_steps(tmp_path / "create", _create)) + 1
    assert len(steps) > first
    for at in range(first, len(steps) + 1):
        world = _crashed(tmp_path / f"{at}", _create_and_delete, at, after_effect=after_effect)
        world.boot()
        where = f"killed at step {at}: {steps[at - 1]}"
        if not world.delete_answered:
            world.plugin.pods.delete(pod_of(**_NO_GRACE))
        world.rounds(30)
        assert world.directories() == [], where
        assert world.backend.job(1).state is JobState.CANCELLED, where
        assert _create(world).jid == UID, where
        assert world.backend.job_ids() == [1], where
        world.close()


def test_a_crash_right_after_slurm_made_the_job_finds_it_again(tmp_path):
    world = World(tmp_path)
    world.boot()
    world.backend.fail_next("submit", Killed(), after_effect=True)
    with pytest.raises(Killed):
        _create(world)
    world.boot()
    world.rounds(10)
    assert world.backend.job_ids(UID) == [1]
    assert _create(world).jid == "1"
    world.close()


def test_a_create_that_comes_while_the_folder_is_looked_through_makes_no_second_job(tmp_path):
    world = World(tmp_path)
    world.boot()
    world.backend.fail_next("submit", Killed(), after_effect=True)
    with pytest.raises(Killed):
        _create(world)
    world.boot(recover=False)
    assert _create(world).jid == UID
    world.plugin.pods._recover()
    world.rounds(10)
    assert world.backend.job_ids(UID) == [1]
    world.close()
