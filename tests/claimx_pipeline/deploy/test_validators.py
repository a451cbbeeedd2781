"""Each kind of file is judged by a validator of its own; ``nox -s deploy`` brings them."""

import base64
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from claimx_pipeline import Pipeline, operations
from tests.rigs.command import CLEAN
from tests.rigs.deployments import DEPLOY, TARGETS
from tests.rigs.object_stores import KEY, Place, azure, azurite_script

pytestmark = [pytest.mark.deploy, pytest.mark.plugin]

EXPOSURE = 20
"""What ``systemd-analyze security`` may say, in tenths; a unit without hardening has 96."""


@pytest.fixture
def files(tmp_path):
    """A copy of every export, with the examples of variables in use."""
    for target in TARGETS:
        shutil.copytree(DEPLOY / target, tmp_path / target)
    for example in tmp_path.rglob("*.env.example"):
        shutil.copy(example, example.with_suffix(""))
    return tmp_path


def tool(name):
    """Return a program that the session has installed."""
    return Path(os.environ["DEPLOY_TOOLS"]) / name


def program(name):
    """Return a program of the machine, or skip."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on this machine")
    return found


def done(*command, cwd):
    finished = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=CLEAN, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout + finished.stderr


def built(files, component="keda"):
    """Return what ``kubectl apply -k`` would apply."""
    overlay = files / "kubernetes" / "overlays" / "production"
    own = overlay / "kustomization.yaml"
    own.write_text(own.read_text().replace("components/keda\n", f"components/{component}\n"))
    text = done(tool("kustomize"), "build", overlay, cwd=files)
    return text, list(yaml.safe_load_all(text))


@pytest.mark.parametrize("component", ["keda", "cpu"])
def test_kustomize_builds_the_overlay_and_kubernetes_knows_every_field(component, files):
    text, found = built(files, component)
    (files / "all.yaml").write_text(text)
    validate = Path(sys.executable).parent / "kubernetes-validate"
    said = done(validate, "--strict", "all.yaml", cwd=files)
    unknown = set(re.findall(r"Couldn't find schema for kind (\w+)", said))
    assert unknown <= {"ScaledObject", "TriggerAuthentication", "ServiceMonitor"}
    assert {"Deployment", "PodDisruptionBudget", "NetworkPolicy", "Secret"} <= {
        each["kind"] for each in found
    }


@pytest.mark.parametrize(
    ("kind", "definition"),
    [
        ("ScaledObject", "keda.sh_scaledobjects.yaml"),
        ("TriggerAuthentication", "keda.sh_triggerauthentications.yaml"),
        ("ServiceMonitor", "monitoring.coreos.com_servicemonitors.yaml"),
    ],
)
def test_what_operators_bring_is_as_their_own_definitions_have_it(kind, definition, files):
    (crd,) = yaml.safe_load_all((tool("definitions") / definition).read_text())
    found = [each for each in built(files)[1] if each["kind"] == kind]
    assert found
    for each in found:
        group, _, version = each["apiVersion"].partition("/")
        assert group == crd["spec"]["group"]
        (known,) = (known for known in crd["spec"]["versions"] if known["name"] == version)
        validator = jsonschema_rs.validator_for(closed(known["schema"]["openAPIV3Schema"]))
        assert [error.message for error in validator.iter_errors(each)] == []


def closed(schema):
    """Return a schema that refuses fields it does not name, as the API server's strict check."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {key: closed(value) for key, value in schema.items()}
    open_ended = {"additionalProperties", "x-kubernetes-preserve-unknown-fields"} & schema.keys()
    if schema.get("type") == "object" and "properties" in schema and not open_ended:
        bare = {"apiVersion", "kind", "metadata"} <= schema["properties"].keys()
        inside["additionalProperties"] = False
        if bare:
            inside["properties"]["metadata"] = {"type": "object"}
    return inside


def test_every_name_that_a_manifest_refers_to_is_there(files):
    found = built(files)[1]
    names = {(each["kind"], each["metadata"]["name"]) for each in found}
    pods = [
        each["spec"]["template"]["spec"] for each in found if each["kind"] in ("Deployment", "Job")
    ]
    for pod in pods:
        assert ("ServiceAccount", pod["serviceAccountName"]) in names
        for volume in pod["volumes"]:
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in names
        for container in [*pod["containers"], *pod.get("initContainers", ())]:
            assert container["image"].startswith("registry.example.com/claimx-pipeline:")
            for source in container["envFrom"]:
                assert ("Secret", source["secretRef"]["name"]) in names
    (trigger,) = (each for each in found if each["kind"] == "TriggerAuthentication")
    for each in trigger["spec"]["secretTargetRef"]:
        assert ("Secret", each["name"]) in names, "KEDA would wait for a Secret of another name"
    secrets = {each["metadata"]["name"]: each for each in found if each["kind"] == "Secret"}
    (own,) = (each for name, each in secrets.items() if name.startswith("claimx-secrets"))
    assert base64.b64decode(own["data"]["CLAIMX_API_TOKEN"]) == b"change-me"
    scaled = {each["metadata"]["name"] for each in found if each["kind"] == "ScaledObject"}
    for each in found:
        if each["kind"] == "Deployment":
            assert ("replicas" in each["spec"]) != (each["metadata"]["name"] in scaled)


def test_systemd_understands_every_unit(tmp_path):
    analyze = program("systemd-analyze")
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    here = str(Path(sys.executable).parent / "claimx-run")
    operations.export_deployment(pipeline, "systemd", tmp_path / "units", program=here)
    units = sorted((tmp_path / "units").glob("*.service"))
    target = tmp_path / "units" / "claimx.target"
    said = done(analyze, "verify", "--man=no", *units, target, cwd=tmp_path)
    assert said == ""
    for unit in units:
        threshold = f"--threshold={EXPOSURE if 'worker' in unit.name else 40}"
        done(analyze, "security", "--offline=true", threshold, unit, cwd=tmp_path)
    users = tmp_path / "units" / "claimx.sysusers.conf"
    assert "ignoring" not in done(program("systemd-sysusers"), "--dry-run", users, cwd=tmp_path)


def test_a_unit_with_a_mistake_is_noticed_by_the_check(tmp_path):
    unit = tmp_path / "wrong.service"
    unit.write_text("[Service]\nExecStart=/bin/true\nRestrictNamespace=yes\n")
    said = subprocess.run(
        [program("systemd-analyze"), "verify", "--man=no", unit], capture_output=True, text=True
    )
    assert "RestrictNamespace" in said.stderr


def test_logrotate_moves_the_lines_and_the_file_stays_open(tmp_path):
    rotate = program("logrotate")
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    logs = tmp_path / "logs"
    logs.mkdir()
    operations.export_deployment(pipeline, "systemd", tmp_path / "units", logs=str(logs))
    config = tmp_path / "units" / "claimx.logrotate"
    config.chmod(0o644)
    with (logs / "itel-api-worker.log").open("a") as log:
        log.write("before\n")
        log.flush()
        done(rotate, "--force", "--state", tmp_path / "state", config, cwd=tmp_path)
        log.write("after\n")
    assert (logs / "itel-api-worker.log").read_text() == "after\n"
    assert (logs / "itel-api-worker.log.1").read_text() == "before\n"


def test_the_compose_file_is_as_the_specification_has_it(files):
    done(tool("compose"), files / "compose" / "compose.yaml", cwd=files / "compose")
    own = files / "compose" / "compose.yaml"
    own.write_text(own.read_text().replace("stop_grace_period", "stop_grace_time"))
    refused = subprocess.run([tool("compose"), own], cwd=own.parent, env=CLEAN, capture_output=True)
    assert refused.returncode != 0, "the check lets everything pass"


def test_prometheus_reads_its_files(files):
    promtool = program("promtool")
    done(promtool, "check", "config", files / "compose" / "prometheus.yaml", cwd=files)


async def test_the_container_in_azurite_is_made_once_and_then_left(files):
    script = azurite_script()
    if isinstance(script, str):
        pytest.skip(script)
    with azure(script) as store:
        endpoint = store.options["AZURE_STORAGE_ENDPOINT"]
        create = files / "compose" / "create_container.py"
        for _ in range(2):
            subprocess.run(
                [sys.executable, create, endpoint, "claimx"], check=True, env={"STORE_KEY": KEY}
            )
        tables = Place("az://claimx/tables", store.options).open()
        assert await tables.stat("nothing") is None
