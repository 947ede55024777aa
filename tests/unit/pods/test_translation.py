"""Containers, environment, users, images and annotations."""

import pytest

from slurm_plugin.config.settings import Flavor, PodSettings
from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.expansion import expand, expand_value


def _container(**more):
    return {"name": "main", "image": "/i", "command": ["x"], **more}


def _records(pod, name="main"):
    content = next(f.content for f in pod.files if f.path == f"{name}_envfile.properties")
    return content.split(b"\0")[:-1]


def test_init_containers_stand_before_the_others_and_sidecars_are_told_apart(plan):
    init = [_container(name="one"), _container(name="side", restartPolicy="Always")]
    pod = plan([_container(), _container(name="b")], initContainers=init)
    kinds = [(one.name, one.kind) for one in pod.containers]
    assert kinds == [("one", "init"), ("side", "sidecar"), ("main", "app"), ("b", "app")]
    assert "sp_names=(one side main b)\nsp_kinds=(init sidecar app app)\n" in pod.body


def test_the_environment_keeps_its_order_in_a_file_of_the_owner(plan):
    env = [{"name": "B", "value": "1"}, {"name": "A"}, {"name": "C", "value": "$(B)-$(X)"}]
    pod = plan([_container(env=env)], annotations={"interlink.eu/pod-ip": "10.1.1.1"})
    assert _records(pod) == [b"POD_IP=10.1.1.1", b"B=1", b"A=", b"C=1-$(X)"]
    assert pod.files[0].mode == 0o600


def test_command_and_arguments_are_expanded_as_kubernetes_does():
    variables = {"A": "1"}
    assert expand("$(A) $$(A) $(B) $A $$ $( $(A", variables, "args") == "1 $(A) $(B) $A $ $( $(A"


def test_a_dollar_in_a_value_that_the_client_expanded_stays():
    assert expand_value("pa$$word $(A) $$(A)", {"A": "1"}, "env") == "pa$$word 1 $(A)"


def test_a_name_that_no_shell_can_export_is_left_out_and_noted(plan):
    pod = plan([_container(env=[{"name": "a.b", "value": "1"}])])
    assert _records(pod) == []
    assert any("spec.containers[0].env[0]" in note for note in pod.notes)


def test_a_field_that_the_client_left_is_resolved_from_metadata(plan):
    reference = {"fieldRef": {"fieldPath": "metadata.namespace"}}
    assert _records(plan([_container(env=[{"name": "N", "valueFrom": reference}])])) == [
        b"N=default"
    ]


def test_an_optional_reference_is_left_out(plan):
    reference = {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}
    assert _records(plan([_container(env=[{"name": "N", "valueFrom": reference}])])) == []


@pytest.mark.parametrize(
    ("container", "field"),
    [
        (_container(env=[{"name": "A", "value": "a\0b"}]), r"env\[0\]\.value"),
        (_container(env=[{"name": "A=B", "value": ""}]), r"env\[0\]\.name"),
        (_container(env=[{"name": "A", "value": "x" * 140_000}]), r"env\[0\]\.value"),
        (_container(env=[{"name": "A", "valueFrom": {"k": {}}}]), r"env\[0\]\.valueFrom"),
        (_container(command=["x" * 140_000]), r"command\[0\]"),
        (
            _container(env=[{"name": "A", "value": "x" * 9999}], args=["$(A)" * 9999]),
            r"args\[0\]",
        ),
        (_container(command=["a", "b\0"]), r"command\[1\]"),
        (_container(args=["\ud800"]), r"args\[0\]"),
        (_container(image=""), r"image"),
        (_container(image="--bind=/:/host"), r"image"),
        (_container(image="/i\nx"), r"image"),
        (_container(imagePullPolicy="Sometimes"), r"imagePullPolicy"),
        (_container(workingDir="work"), r"workingDir"),
        (_container(name="../x"), r"name"),
        (_container(name="x" * 300), r"name"),
        (_container(securityContext={"runAsUser": -1}), r"securityContext\.runAsUser"),
    ],
)  # fmt: skip
def test_a_container_that_cannot_run_is_refused_with_its_field(plan, container, field):
    with pytest.raises(InvalidRequest, match=rf"^spec\.containers\[1\]\.{field}: "):
        plan([_container(name="other"), container])


def test_names_of_containers_are_unique(plan):
    with pytest.raises(InvalidRequest, match=r"spec\.containers\[0\]\.name: main is taken"):
        plan([_container()], initContainers=[_container()])


def test_the_user_is_the_pods_before_the_flavors(plan):
    settings = PodSettings(flavors={"f": Flavor(uid=7)}, default_flavor="f")
    assert plan(settings=settings).run_as_uid == 7
    pod = plan(settings=settings, securityContext={"runAsUser": 8, "runAsGroup": 9})
    assert (pod.run_as_uid, pod.run_as_gid) == (8, 9)
    assert plan([_container(securityContext={"runAsUser": 5})]).run_as_uid == 5


def test_containers_of_different_users_are_refused(plan):
    containers = [_container(securityContext={"runAsUser": 5})]
    with pytest.raises(InvalidRequest, match=r"spec\.containers\[0\]\.securityContext\.runAsUser"):
        plan(containers, securityContext={"runAsUser": 8})


@pytest.mark.parametrize(
    ("image", "annotation", "expected"),
    [
        ("busybox", None, "docker://busybox"),
        ("busybox", "/cvmfs/images/", "/cvmfs/images/busybox"),
        ("/i.sif", "/cvmfs/", "/i.sif"),
        ("oras://r/i", "/cvmfs/", "oras://r/i"),
    ],
)
def test_the_images_name_follows_the_prefix_rules(plan, image, annotation, expected):
    annotations = {"slurm-job.vk.io/image-root": annotation} if annotation else {}
    settings = PodSettings(image_prefix="docker://")
    pod = plan([_container(image=image)], annotations=annotations, settings=settings)
    assert pod.containers[0].image == expected


def test_the_runtimes_annotations_are_taken_apart_and_never_evaluated(plan):
    annotations = {
        "slurm-job.vk.io/singularity-options": "--fakeroot --env 'A=$(id)'",
        "slurm-job.vk.io/singularity-mounts": "--bind /a:/b;id",
        "slurm-job.vk.io/singularity-commands": "strace -f",
    }
    body = plan(annotations=annotations).body
    words = "--containall --bind '/a:/b;id' --fakeroot --env 'A=$(id)' "
    assert f"exec strace -f singularity --quiet exec --nv --no-eval {words}" in body


def test_an_annotation_with_an_open_quote_is_refused(plan):
    with pytest.raises(InvalidRequest, match="singularity-options: no closing quotation"):
        plan(annotations={"slurm-job.vk.io/singularity-options": "'a"})


def test_shell_annotations_can_be_switched_off(plan):
    settings = PodSettings(allow_pre_exec=False)
    for name in ("slurm-job.vk.io/pre-exec", "interlink.eu/wstunnel-client-commands"):
        with pytest.raises(InvalidRequest, match=f"{name}.*AllowPreExec"):
            plan(annotations={name: "id"}, settings=settings)


def test_a_misspelt_annotation_is_noted_with_a_suggestion(plan):
    notes = plan(annotations={"slurm-job.vk.io/flag": "-p x"}).notes
    assert any("did you mean slurm-job.vk.io/flags" in note for note in notes)


def test_mpi_flags_launch_app_containers_only(plan):
    annotations = {"slurm-job.vk.io/mpi-flags": "--bind-to core"}
    pod = plan([_container()], initContainers=[_container(name="first")], annotations=annotations)
    assert pod.body.count('exec mpiexec -np "${SLURM_NTASKS:-1}" --bind-to core /bin/bash -c') == 1
    assert "sp_task_0" not in pod.body
    none = plan(annotations={**annotations, "slurm-job.vk.io/launcher": "none"})
    assert "mpiexec -np" not in none.body
    with pytest.raises(InvalidRequest, match="launcher"):
        plan(annotations={"slurm-job.vk.io/launcher": "sh"})


def test_what_has_no_effect_is_noted(plan):
    pod = plan(
        [_container(tty=True)],
        imagePullSecrets=[{"name": "s"}],
        hostname="h",
        priorityClassName="high",
        securityContext={"fsGroup": 3},
    )
    for word in ("tty", "imagePullSecrets", "hostname", "priorityClassName", "fsGroup"):
        assert any(word in note for note in pod.notes), word
        assert any(word in line for line in pod.body.split("\n") if line.startswith("printf")), word


def test_the_restart_policy_is_honoured_only_where_the_operator_says_so(plan):
    assert "sp_restart_policy=Never\n" in plan(restartPolicy="OnFailure").body
    settings = PodSettings(restart_policy="honour")
    assert (
        "sp_restart_policy=OnFailure\n" in plan(restartPolicy="OnFailure", settings=settings).body
    )


def test_hooks_and_exec_probes_share_tmp_with_their_container(plan):
    hook = {"postStart": {"exec": {"command": ["touch", "/tmp/x"]}}}
    pod = plan([_container(lifecycle=hook)])
    assert "hook-tmp/main" in pod.directories
    assert "/hook-tmp/main:/tmp:rw" in pod.body


def test_a_pod_without_containers_is_refused(plan, make_request):
    request = make_request()
    request.pod.spec.containers = None
    from slurm_plugin.pods.plan import plan_pod

    with pytest.raises(InvalidRequest, match=r"^spec\.containers: "):
        plan_pod(request, PodSettings(), directory="/d", shared_fs=True)
