"""Names of the system before, in files and commands: each is answered with the new one."""

import pytest

from tests.rigs.command import run

SETTINGS = """\
kafka:
  bootstrap_servers: broker:9092
  claimx:
    enrichment_worker:
      processing:
        plugins_dir: config/plugins
        batch_size: 100
    download_worker:
      processing:
        batch_size: 100
delta:
  claimx: {events_table_path: somewhere}
claimx_eventhouse: {cluster_url: somewhere}
pipeline:
  storage: {cache_dir: somewhere}
transport: {type: eventhub}
task_triggers: []
"""
KEYS = {
    "kafka.bootstrap_servers": "broker.url",
    "kafka.claimx.enrichment_worker.processing.plugins_dir": "plugins.dir",
    "kafka.claimx.enrichment_worker.processing.batch_size": "workers.NAME.batch_size",
    "delta.claimx.events_table_path": "claimx-run tables import",
    "claimx_eventhouse.cluster_url": "sources.NAME",
    "pipeline.storage.cache_dir": "storage.cache.root",
    "transport.type": "broker.url",
    "task_triggers": "plugins.NAME.config.triggers",
}
STAGES = """\
workers:
  mine:
    input_topic: claimx.events.raw
    enrichment_handlers:
      - type: {stage}
"""
CONNECTION = "connections: {a: {base_url: 'http://a', oauth2: {client_credential: x}}}\n"


def checked(folder, settings):
    """Return what ``config check`` says of *settings*, which have problems."""
    (folder / "claimx.yaml").write_text(settings)
    result = run("config", "check", cwd=folder)
    assert result.returncode == 2, result.stderr
    return result.stdout + result.stderr


@pytest.mark.incident("STR-52")
def test_each_former_key_is_shown_with_the_new_one_and_nothing_else(tmp_path):
    said = checked(tmp_path, SETTINGS)
    lines = [line for line in said.splitlines() if line.startswith("problem: ")]
    assert len(lines) == len(KEYS), said
    for key, new in KEYS.items():
        (line,) = (each for each in lines if f": {key}: " in each)
        assert new in line


@pytest.mark.incident("STR-52")
@pytest.mark.parametrize(
    ("settings", "new"),
    [
        ("claimx: {api: {base_path: 'http://a'}}\n", "write 'base_url'"),
        ("claimx: {api: {claimx_api_token_env: TOKEN}}\n", "token: ${VARIABLE}"),
        ("plugins: {enabled: true}\n", "plugins.NAME.enabled"),
        ("plugins: {task_triggers: []}\n", "triggers"),
        (
            "workers: {enrichment: {enabled: true}}\n",
            "a worker runs if it is started, with 'claimx-run worker NAME'",
        ),
        ("workers: {claimx-enricher: {batch_size: 3}}\n", "write workers.enrichment"),
        (CONNECTION, "write 'client_secret'"),
        (STAGES.format(stage="DeltaTableWriter"), "write 'delta'"),
        (STAGES.format(stage="kafka_pipeline.handlers:TransformHandler"), "write 'transform'"),
    ],
)
def test_a_former_name_elsewhere_is_shown_with_the_new_one(tmp_path, settings, new):
    assert new in checked(tmp_path, settings)


@pytest.mark.incident("STR-52")
def test_a_worker_that_had_another_name_is_shown_with_todays(tmp_path):
    result = run("worker", "claimx-enricher", cwd=tmp_path)
    assert result.returncode == 2
    assert "did you mean 'enrichment'" in result.stderr


@pytest.mark.incident("STR-52")
def test_a_folder_of_a_former_plugin_is_shown_with_todays_class(tmp_path):
    folder = tmp_path / "plugins" / "config" / "mine"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(
        "name: mine\nmodule: pipeline.plugins.triggers\nclass: TaskTriggerPlugin\n"
    )
    result = run("plugins", "list", cwd=tmp_path)
    assert "claimx_pipeline.plugins.task_trigger" in result.stdout + result.stderr
