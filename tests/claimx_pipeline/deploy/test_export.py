"""What runs the workers in production is made from the workers that there are."""

import math
import re

import pytest
import yaml

from claimx_pipeline import Pipeline, UsageError, operations
from claimx_pipeline.clock import SystemClock
from claimx_pipeline.settings.tree.health import HealthSettings
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics
from claimx_pipeline.telemetry.server import HealthServer
from tests.rigs.deployments import DEPLOY, TARGETS, documents, example_environment
from tests.rigs.unit_file import UnitFile

OWN_WORKER = """\
workers:
  Big_Claims:
    input_topic: claimx.entities.rows
    consumer_group: big-claims
    enrichment_handlers: [{type: transform, config: {mappings: {claim: project_id}}}]
"""


@pytest.fixture
def pipeline(tmp_path):
    return Pipeline.load(environ={}, cwd=tmp_path)


def exported(pipeline, target, folder, **paths):
    operations.export_deployment(pipeline, target, folder, **paths)
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_text() for file in files}


def manifests(folder, kind):
    found = (each for file in folder.rglob("*.yaml") for each in documents(file))
    return {each["metadata"]["name"]: each for each in found if each.get("kind") == kind}


def workers_of(target, folder):
    """Return each worker that the exported files start, by the name of its service."""
    if target == "systemd":
        units = map(UnitFile.read, folder.glob("*-worker.service"))
        commands = {unit.path.stem: unit.one("ExecStart").split() for unit in units}
    elif target == "kubernetes":
        commands = {
            name: found["spec"]["template"]["spec"]["containers"][0]["args"]
            for name, found in manifests(folder, "Deployment").items()
        }
    else:
        services = documents(folder / "compose.yaml")[0]["services"]
        commands = {name: each.get("command", ()) for name, each in services.items()}
    return {
        service: command[command.index("worker") + 1]
        for service, command in commands.items()
        if "worker" in command
    }


@pytest.mark.plugin
@pytest.mark.parametrize("target", TARGETS)
def test_the_examples_are_what_is_exported(target, pipeline, tmp_path):
    """Otherwise: ``nox -s pages``, or ``python -m tests.pages.deployments``."""
    folder = DEPLOY / target
    kept = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    files = exported(pipeline, target, tmp_path / target)
    assert files.keys() == kept
    assert [name for name, text in files.items() if (folder / name).read_text() != text] == []


@pytest.mark.parametrize("target", ["systemd", "kubernetes", "compose"])
def test_no_worker_is_forgotten_not_even_one_of_the_settings(target, tmp_path):
    (tmp_path / "claimx.yaml").write_text(OWN_WORKER)
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    exported(pipeline, target, tmp_path / "out")
    started = workers_of(target, tmp_path / "out")
    assert sorted(started.values()) == sorted(pipeline.workers)
    assert started["claimx-big-claims-worker"] == "Big_Claims"


@pytest.mark.plugin
def test_the_cabinet_workers_are_called_as_their_operators_know_them():
    started = workers_of("systemd", DEPLOY / "systemd")
    assert started["itel-tracking-worker"] == "itel-tracking"
    assert started["itel-api-worker"] == "itel-api"


def test_every_worker_has_its_manifests_and_its_metrics_are_read(pipeline, tmp_path):
    for target in TARGETS:
        exported(pipeline, target, tmp_path / target)
    names = set(workers_of("kubernetes", tmp_path / "kubernetes"))
    assert set(manifests(tmp_path / "kubernetes", "PodDisruptionBudget")) == names
    (scraped,) = documents(tmp_path / "compose/prometheus.yaml")[0]["scrape_configs"]
    targets = [each["targets"][0].split(":") for each in scraped["static_configs"]]
    assert {host for host, _ in targets} == names
    local = documents(tmp_path / "systemd/prometheus-targets.yaml")[0]
    ports = [each["targets"][0].rpartition(":")[2] for each in local]
    units = map(UnitFile.read, (tmp_path / "systemd").glob("*-worker.service"))
    set_by_units = sorted(unit.values["Environment"][0].rpartition("=")[2] for unit in units)
    assert sorted(ports) == set_by_units
    assert len(set(ports)) == len(names)


@pytest.mark.parametrize("kind", ["ScaledObject", "HorizontalPodAutoscaler"])
def test_no_worker_gets_more_members_than_partitions(kind, pipeline, tmp_path):
    exported(pipeline, "kubernetes", tmp_path)
    limit = {"ScaledObject": "maxReplicaCount", "HorizontalPodAutoscaler": "maxReplicas"}[kind]
    scaled = manifests(tmp_path, kind)
    started = workers_of("kubernetes", tmp_path)
    for name, found in scaled.items():
        worker = pipeline.workers[started[name]]
        assert found["spec"][limit] == max(topic.partitions for topic in worker.reads)
    # A record waits in a retry topic on purpose: its lag is no load. Of one partition only one
    # member can be at work.
    assert started.keys() - scaled.keys() == {"claimx-retry-worker", "claimx-maintenance-worker"}


def test_lag_is_asked_for_by_the_names_that_the_broker_knows(tmp_path):
    (tmp_path / "claimx.yaml").write_text(
        "broker: {prefix: company., groups: {claimx-events-writer: events-of-company}}"
    )
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    exported(pipeline, "kubernetes", tmp_path / "out")
    scaled = manifests(tmp_path / "out", "ScaledObject")
    kafka = scaled["claimx-events-worker"]["spec"]["triggers"][0]["metadata"]
    assert kafka["topic"] == "company.claimx.events.raw"
    assert kafka["consumerGroup"] == "events-of-company"
    # The worker of four topics is scaled by the lag of its group.
    many = scaled["claimx-entities-worker"]["spec"]["triggers"]
    assert [each["metadata"].get("topic", "all") for each in many if each["type"] == "kafka"] == [
        "all"
    ]


def test_a_worker_is_given_more_time_to_stop_than_it_takes(pipeline, tmp_path):
    for target in TARGETS:
        exported(pipeline, target, tmp_path / target)
    deployments = manifests(tmp_path / "kubernetes", "Deployment")
    composed = documents(tmp_path / "compose/compose.yaml")[0]["services"]
    for service, name in workers_of("kubernetes", tmp_path / "kubernetes").items():
        unit = UnitFile.read(tmp_path / "systemd" / f"{service}.service")
        pod = deployments[service]["spec"]["template"]["spec"]
        least = math.ceil(pipeline.workers[name].stop_seconds) + 10
        assert int(unit.one("TimeoutStopSec")) >= least
        assert pod["terminationGracePeriodSeconds"] >= least
        assert int(composed[service]["stop_grace_period"].removesuffix("s")) >= least


def test_what_compose_mounts_is_written_and_grafana_has_every_dashboard(pipeline, tmp_path):
    operations.export_deployment(pipeline, "compose", tmp_path)
    services = documents(tmp_path / "compose.yaml")[0]["services"]
    mounted = [
        each.split(":")[0]
        for service in services.values()
        for each in service.get("volumes", ())
        if each.startswith("./")
    ]
    assert "./monitoring/grafana" in mounted
    assert [each for each in mounted if not (tmp_path / each).exists()] == []
    (shown,) = documents(tmp_path / "grafana" / "dashboards.yaml")[0]["providers"]
    assert any(
        each.split(":")[1] == shown["options"]["path"] for each in services["grafana"]["volumes"]
    )
    assert len([*(tmp_path / "monitoring" / "grafana").glob("*.json")]) > 5
    rules = documents(tmp_path / "prometheus.yaml")[0]["rule_files"]
    assert [*(tmp_path / "monitoring" / "prometheus").glob("*.yaml")], rules


def test_probes_ask_for_paths_that_the_product_answers():
    server = HealthServer(HealthSettings(), Health(SystemClock()), Metrics())
    text = "\n".join(file.read_text() for file in DEPLOY.rglob("*") if file.is_file())
    paths = set(re.findall(r"(/health/\w+|/metrics\b)", text))
    assert paths == {"/health/live", "/health/ready", "/metrics"}
    assert [path for path in paths if server.answer(path)[0] == 404] == []


@pytest.mark.parametrize(
    ("settings", "variables"),
    [
        ("systemd/claimx.yaml", "systemd/claimx.env.example"),
        ("compose/claimx.yaml", "compose/.env.example"),
        (
            "kubernetes/overlays/production/claimx.yaml",
            "kubernetes/overlays/production/secrets.env.example",
        ),
    ],
)
@pytest.mark.plugin
def test_the_settings_can_be_used_with_the_variables_of_the_example(settings, variables, tmp_path):
    environ = example_environment(
        DEPLOY / variables, ITEL_CABINET_API_BASE_URL="https://itel.example.com"
    )
    if "compose" in settings:
        environ["KAFKA_BOOTSTRAP_SERVERS"] = "kafka:9092"
    pipeline = Pipeline.load(DEPLOY / settings, environ=environ, cwd=tmp_path)
    pipeline.require(list(pipeline.workers.values()))
    assert pipeline.check() == []
    assert [str(each) for each in pipeline.loaded.warnings] == []
    assert pipeline.loaded.unresolved == ()


@pytest.mark.plugin
def test_every_variable_that_is_read_is_named_by_each_example(pipeline):
    read = {
        name
        for each in pipeline.loaded.sections
        for name in [*each.environment, *re.findall(r"\$\{(\w+)\}", each.defaults)]
    }
    for file in DEPLOY.rglob("*.env.example"):
        if file.name != "keda.env.example":
            assert [name for name in read | {"LOG_LEVEL"} if name not in file.read_text()] == []


def test_what_a_user_changes_is_left_as_it_is(pipeline, tmp_path):
    exported(pipeline, "kubernetes", tmp_path)
    own = tmp_path / "overlays/production/kustomization.yaml"
    ours = tmp_path / "base/kustomization.yaml"
    own.write_text("mine")
    ours.write_text("stale")
    files = exported(pipeline, "kubernetes", tmp_path)
    assert files["overlays/production/kustomization.yaml"] == "mine"
    assert "claimx-ingest-worker" in files["base/kustomization.yaml"]


def test_the_paths_of_a_machine_are_in_every_file(pipeline, tmp_path):
    paths = {"program": "/a/run", "settings": "/b", "state": "/c", "logs": "/d"}
    files = exported(pipeline, "systemd", tmp_path, **paths)
    text = "\n".join(files.values())
    assert "ExecStart=/a/run --config /b/claimx.yaml worker ingest" in text
    assert not re.search(r"^[^#\n]*(/opt|/etc|/var)/", text, re.MULTILINE)


@pytest.mark.parametrize("path", ["opt/claimx", "/opt/with blank", "/opt/$HOME", "/opt/%h"])
def test_a_path_that_a_unit_would_misread_is_refused(path, pipeline, tmp_path):
    with pytest.raises(UsageError, match="is not a valid path for a unit"):
        operations.export_deployment(pipeline, "systemd", tmp_path / "out", program=path)
    assert not (tmp_path / "out").exists()


def test_two_workers_that_would_be_one_service_are_refused(tmp_path):
    second = yaml.safe_load(OWN_WORKER)
    second["workers"]["big-claims"] = {
        **second["workers"]["Big_Claims"],
        "consumer_group": "others",
    }
    (tmp_path / "claimx.yaml").write_text(yaml.safe_dump(second))
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    with pytest.raises(UsageError, match="would both be service 'claimx-big-claims-worker'"):
        operations.export_deployment(pipeline, "compose", tmp_path / "out")


def test_a_folder_that_cannot_be_written_is_one_sentence(pipeline, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"file/.* cannot be written: File exists"):
        operations.export_deployment(pipeline, "compose", tmp_path / "file")
