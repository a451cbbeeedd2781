"""Installations whose settings or plugins are refused, each with what is to be said about it.

One installation has as many mistakes as go together: all of them are reported at once.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import yaml
from attrs import field, frozen

from tests.rigs.plugin_folder import write_plugin

GIVEN = {
    "CLAIMX_API_URL": "https://claimx.invalid",
    "CLAIMX_API_TOKEN": "t",
    "ITEL_CABINET_API_BASE_URL": "https://itel.invalid",
    "ITEL_CABINET_API_TOKEN": "t",
}
"""What every worker needs."""


@frozen
class Installation:
    """A folder with settings and plugins."""

    said: Sequence[str]
    """A part of each problem that is to be reported."""
    settings: Mapping[str, Any] = field(factory=dict)
    plugins: Mapping[str, str] = field(factory=dict)
    """Body of the class of each directory plugin; it is required."""
    files: Mapping[str, str] = field(factory=dict)
    """Further files below the folder."""
    environ: Mapping[str, str] = field(factory=dict)
    given: Mapping[str, str] = field(factory=lambda: GIVEN)
    """What else is in the environment."""
    text: str | None = None
    """The settings file as it is, in place of ``settings``."""

    def write(self, folder: Path) -> dict[str, str]:
        """Write it into *folder*; return its environment."""
        settings = {**self.settings}
        if self.plugins:
            own = {name: {"required": True} for name in self.plugins}
            settings["plugins"] = {"dir": "plugins", **own, **settings.get("plugins", {})}
        for name, body in self.plugins.items():
            write_plugin(folder, name, dedent(body))
        for name, text in self.files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(text))
        text = self.text if self.text is not None else yaml.safe_dump(settings)
        (folder / "claimx.yaml").write_text(text.replace("FOLDER", str(folder)))
        return {**self.given, **self.environ}


IDLE = "def execute(self, context): return None\n"
HOOK = "from claimx_pipeline import hookimpl\n@hookimpl\n"


def hook(name: str, body: str, arguments: str = "") -> str:
    """Return the body of a plugin that implements one hook."""
    lines = dedent(body).strip("\n").splitlines()
    return f"{HOOK}def {name}(self{arguments}):\n" + "\n".join(f"    {line}" for line in lines)


TABLE = """
from claimx_pipeline.tables import STRING, Column, TableSpec
columns = (Column("id", STRING, nullable=False), Column("note", STRING))
"""
WORKER = """
from claimx_pipeline import WorkerSpec
from claimx_pipeline.stages import Chain, StageSpec, TransformConfig
"""
DOMAIN = """
import msgspec
from attrs import evolve
from claimx_pipeline.claimx.domain import CLAIMX
"""

REGISTERING = Installation(
    said=[
        "plugins.raises: plugin 'raises' failed in claimx_register_tables: ZeroDivisionError",
        "plugins.exits: plugin 'exits' failed in claimx_register_queries: SystemExit: 3",
        "plugins.one-table: plugin 'one-table' failed in claimx_register_tables: it returned "
        "TableSpec(",
        "plugins.no-table: plugin 'no-table' failed in claimx_register_tables: it returned 'notes'",
        "plugins.nameless: plugin 'nameless' failed in claimx_register_queries: it returned a query"
        " with the name ''",
        "plugins.queries2: plugin 'queries2' registers query 'mine', which plugin 'queries1' has",
        "plugins.sql1: the SQL of query 'writes' cannot be run: ",
        "plugins.sql1: the SQL of query 'open' cannot be run: ",
        "plugins.sql1: the SQL of query 'undeclared' cannot be run: query 'undeclared' does not "
        "declare its parameter 'city'",
        "plugins.sql1: plugin 'sql1' failed in its query 'number'",
        "plugins.keyless: table 'keyless': it has no key",
        "plugins.undated: table 'undated': an append table needs event_time",
        "plugins.apart: table 'apart': all of its columns are partition columns",
        "plugins.odd-type: table 'odd_type': its column 'id' has the type duration[s]",
        "plugins.odd-mode: table 'odd_mode': its mode is 'replace'",
        "plugins.stages: plugin 'stages' failed in claimx_register_stages: it returned [], not a",
        "plugins.stage-name: plugin 'stage-name' failed in claimx_register_stages: it returned the",
        "plugins.stage: plugin 'stage' failed in claimx_register_stages: it returned 7 as stage",
        "plugins.broker: plugin 'broker' failed in claimx_register_brokers: it returned 'x' as",
        "plugins.handler: plugin 'handler' failed in claimx_register_handlers: it returned",
        "plugins.foreign: plugin 'foreign': handler 'foreign' is for domain 'nowhere'",
        "plugins.handlers2: plugin 'handlers2': events WEATHER are handled by 'weather' of",
        "plugins.handlers2: plugin 'handlers2': domain 'claimx' has a handler called 'weather'",
        "plugins.topics: plugin 'topics' failed in topics(): it returned 'a.topic', which is not",
        "plugins.urls: plugin 'urls' failed in webhook_urls(): it returned 5, which is not a URL",
        "plugins.headers: plugin 'headers' failed in webhook_headers(): it returned {'a': 'b'}",
        "plugins.former: plugin 'former' failed in claimx_register_old_tables: it returned 3",
        "plugins.commands1: plugin 'commands1' adds the command 'query', which the pipeline has",
        "plugins.commands2: plugin 'commands2' adds the command 'weather', which plugin",
        "plugins.commands3: plugin 'commands3' adds the command 'a b', which cannot be typed",
        "plugins.commands3: plugin 'commands3' adds the command 'm' with the target 'nothing'",
        "plugins.commands3: plugin 'commands3' adds the command 'n' with the summary 5",
        "plugins.commands1: command 'weather' names 'no_such_module:app', which cannot be",
        "plugins.checks: plugin 'checks' failed in claimx_check_settings: it returned 'wrong'",
        "plugins.published1: publishes to topic 'claimx.entities.rows', which belongs to",
        "plugins.published2: topic 'shared' is declared in two ways, by plugin 'published1'",
        "plugins.watched1: plugin 'watched1' failed in claimx_register_monitoring: it returned 'x'",
        "plugins.watched2: plugin 'watched2' registers part of the monitoring 'ClaimxLagHigh'",
        "plugins.watched3: plugin 'watched3' registers the former metric "
        "'claimx_records_received_total', which cannot be served",
        "plugins.extends: it extends domain 'nowhere', which is not loaded",
        "plugins.extends2: plugin 'extends2' failed in claimx_extend_domains: it returned 'claimx'",
    ],
    plugins={
        "raises": hook("claimx_register_tables", "return 1 / 0"),
        "exits": hook("claimx_register_queries", "raise SystemExit(3)"),
        "one-table": hook(
            "claimx_register_tables",
            TABLE
            + 'return TableSpec(name="a", summary="", columns=columns, mode="merge", key=("id",))',
        ),
        "no-table": hook("claimx_register_tables", "return ['notes']"),
        "nameless": hook(
            "claimx_register_queries",
            "from claimx_pipeline.tables import NamedQuery\nreturn [NamedQuery('', 'x', 'select 1')]",
        ),
        "sql1": hook(
            "claimx_register_queries",
            """
            from claimx_pipeline.tables import NamedQuery
            return [NamedQuery("writes", "x", "drop table claimx_events"),
                    NamedQuery("open", "x", "select 'a"),
                    NamedQuery("undeclared", "x", "select :city"),
                    NamedQuery("number", "x", 5)]
            """,
        ),
        **{
            f"queries{number}": hook(
                "claimx_register_queries",
                "from claimx_pipeline.tables import NamedQuery\n"
                "return [NamedQuery('mine', 'x', 'select 1')]",
            )
            for number in (1, 2)
        },
        **{
            name: hook("claimx_register_tables", f"{TABLE}\nreturn [TableSpec({spec})]")
            for name, spec in {
                "keyless": 'name="keyless", summary="", columns=columns, mode="merge", key=()',
                "undated": 'name="undated", summary="", columns=columns, mode="append", '
                'key=("id",)',
                "apart": 'name="apart", summary="", columns=columns, mode="append", key=("id",), '
                'dedupe=False, partition_by=("id", "note")',
                "odd-type": 'name="odd_type", summary="", mode="merge", key=("id",), columns=('
                '__import__("claimx_pipeline.tables").tables.Column('
                '"id", __import__("pyarrow").duration("s")),)',
                "odd-mode": 'name="odd_mode", summary="", columns=columns, mode="replace", '
                'key=("id",)',
            }.items()
        },
        "stages": hook("claimx_register_stages", "return []"),
        "stage-name": hook("claimx_register_stages", "return {5: object}"),
        "stage": hook("claimx_register_stages", "return {'shout': 7}"),
        "broker": hook("claimx_register_brokers", "return {'x': 'x'}"),
        "handler": hook("claimx_register_handlers", "return [object()]", ", settings, clock"),
        "foreign": hook(
            "claimx_register_handlers",
            """
            class Foreign:
                name, domain, event_types, event_prefixes = "foreign", "nowhere", {"A"}, ()
                async def handle(self, key, events, reader): return []
            return [Foreign()]
            """,
        ),
        **{
            f"handlers{number}": hook(
                "claimx_register_handlers",
                """
                class Weather:
                    name, event_types, event_prefixes = "weather", {"WEATHER"}, ()
                    async def handle(self, key, events, reader): return []
                return [Weather()]
                """,
            )
            for number in (1, 2)
        },
        "topics": IDLE + "def topics(self): return ['a.topic']",
        "urls": IDLE + "def webhook_urls(self): return [5]",
        "headers": IDLE + "def webhook_headers(self): return {'a': 'b'}",
        "former": hook("claimx_register_old_tables", "return [3]"),
        "commands1": hook(
            "claimx_register_commands",
            """
            from claimx_pipeline.hooks import Command
            return [Command("query", "x", "no_such_module:app"),
                    Command("weather", "x", "no_such_module:app")]
            """,
        ),
        "commands2": hook(
            "claimx_register_commands",
            """
            from claimx_pipeline.hooks import Command
            return [Command("weather", "x", "sys:path")]
            """,
        ),
        "commands3": hook(
            "claimx_register_commands",
            """
            from claimx_pipeline.hooks import Command
            return [Command("a b", "x", "sys:path"), Command("m", "x", "nothing"),
                    Command("n", 5, "sys:path")]
            """,
        ),
        "checks": hook("claimx_check_settings", "return ['wrong']"),
        "published1": IDLE
        + "def topics(self): return [Topic('claimx.entities.rows'), Topic('shared')]",
        "published2": IDLE + "def topics(self): return [Topic('shared', 3)]",
        "watched1": hook("claimx_register_monitoring", "return ['x']", ", settings"),
        "watched2": hook(
            "claimx_register_monitoring",
            """
            from claimx_pipeline.hooks import Alert
            return [Alert(name="ClaimxLagHigh", expr="1", wait="1m", severity="warning",
                          summary="x", means="x.", look=["x"], remedy=["x"], call="x.")]
            """,
            ", settings",
        ),
        "watched3": hook(
            "claimx_register_monitoring",
            """
            from claimx_pipeline.hooks import CountedIn, FormerMetric
            part = CountedIn("claimx_records_received_total")
            return [FormerMetric(name=part.metric, help="x", of=[part])]
            """,
            ", settings",
        ),
        "extends": hook(
            "claimx_extend_domains",
            "from claimx_pipeline.domain import DomainExtension\n"
            "return [DomainExtension(domain='nowhere')]",
        ),
        "extends2": hook("claimx_extend_domains", "return ['claimx']"),
    },
)

WORKERS = Installation(
    said=[
        "plugins.in-group: workers 'enrichment' and 'in-group' are in one consumer group",
        "plugins.blind: worker 'blind' of plugin 'blind' reads no topic, so it would do nothing",
        "plugins.doubled: plugin 'doubled' registers worker 'events', which the pipeline has",
        "plugins.blank: topic 'a b' is not a valid name",
        "plugins.declares: topic 'other.in' is declared in two ways, by worker 'blank' of plugin "
        "'blank' and by worker 'declares' of plugin 'declares' (other partitions)",
        "plugins.stageless: plugin 'stageless' failed in worker 'stageless': ZeroDivisionError",
        "worker 'unknown-stage': there is no stage 'nothing'",
        "plugins.tableless: plugin 'tableless' failed in worker 'tableless': KeyError",
        "plugins.half: worker 'half' is built as a dict, which lacks 'open'",
        "worker 'lookups', stage 'lookup': there is no connection 'nowhere'",
        "worker 'unknown-table', table_name: unknown table 'nothing'",
        "plugins.check-raises: plugin 'check-raises' failed in the check of worker",
        "plugins.check-text: plugin 'check-text' failed in the check of worker",
        "sources.mine.topic: no worker reads topic 'nothing.raw'",
        "plugins.sources: plugin 'sources' failed in claimx_register_sources: it returned",
        "plugins.processless: worker 'processless': stage 'idle' (Idle) has no method",
        "plugin 'remembers' keeps state, which worker 'plugin-state' applies; give the other",
    ],
    plugins={
        name: hook("claimx_register_workers", f"{WORKER}\n{body}")
        for name, body in {
            "in-group": "return [WorkerSpec(name='in-group', summary='', reads=(Topic('g.in', "
            "source=True),), group='claimx-enrichment-worker', build=Chain.of())]",
            "blind": "return [WorkerSpec(name='blind', summary='', reads=(), group='blind', "
            "build=Chain.of())]",
            "doubled": "return [WorkerSpec(name='events', summary='', reads=(Topic('d.in', "
            "source=True),), group='doubled', build=Chain.of())]",
            "blank": "return [WorkerSpec(name='blank', summary='', reads=(Topic('a b'), "
            "Topic('other.in', 2)), group='blank', build=Chain.of())]",
            "declares": "return [WorkerSpec(name='declares', summary='', reads=("
            "Topic('other.in', 3),), group='declares', build=Chain.of())]",
            "stageless": "return [WorkerSpec(name='stageless', summary='', reads=(Topic('s.in'),), "
            "group='stageless', build=Chain(lambda settings: 1 / 0))]",
            "unknown-stage": "return [WorkerSpec(name='unknown-stage', summary='', reads=("
            "Topic('u.in'),), group='unknown-stage', build=Chain.of("
            "StageSpec('nothing', TransformConfig())))]",
            "tableless": "return [WorkerSpec(name='tableless', summary='', reads=(Topic('t.in'),), "
            "group='tableless', build=lambda resources: resources.tables['nothing'])]",
            "half": "return [WorkerSpec(name='half', summary='', reads=(Topic('h.in'),), "
            "group='half', build=lambda resources: {})]",
            "lookups": "from claimx_pipeline.stages import LookupConfig\n"
            "return [WorkerSpec(name='lookups', summary='', reads=(Topic('l.in'),), "
            "group='lookups', build=Chain.of(StageSpec('lookup', "
            "LookupConfig(connection='nowhere', endpoint='/x'))))]",
            "unknown-table": "from claimx_pipeline.stages import DeltaConfig\n"
            "return [WorkerSpec(name='unknown-table', summary='', reads=(Topic('v.in'),), "
            "group='unknown-table', build=Chain.of(StageSpec('delta', "
            "DeltaConfig(table_name='nothing'))))]",
            "check-raises": "return [WorkerSpec(name='check-raises', summary='', reads=("
            "Topic('w.in'),), group='check-raises', build=Chain.of(), "
            "check=lambda settings: 1 / 0)]",
            "states": "return [WorkerSpec(name='plugin-state', summary='', reads=(Topic('y.in'),), "
            "group='states', build=Chain.of())]",
            "check-text": "return [WorkerSpec(name='check-text', summary='', reads=("
            "Topic('x.in'),), group='check-text', build=Chain.of(), "
            "check=lambda settings: ['wrong'])]",
        }.items()
    }
    | {
        "remembers": IDLE + "def change_state(self, key, value, change): return value",
        "sources": hook("claimx_register_sources", "return ['x']"),
        "source": hook(
            "claimx_register_sources",
            """
            from claimx_pipeline.sources import SourceSpec
            return [SourceSpec(name="mine", summary="", topic="nothing.raw", build=lambda _: None)]
            """,
        ),
        "processless": HOOK
        + dedent("""
            def claimx_register_stages(self):
                from claimx_pipeline.stages import RecordStage
                class Idle(RecordStage):
                    def __init__(self, config): pass
                return {"idle": Idle}
            @hookimpl
            def claimx_register_workers(self):
                from claimx_pipeline import WorkerSpec
                from claimx_pipeline.stages import Chain, StageSpec
                return [WorkerSpec(name="processless", summary="", reads=(Topic("p.in"),),
                                   group="processless", build=Chain.of(StageSpec("idle", None)))]
        """),
    },
)

CHAINS = Installation(
    said=[
        "workers.copies.enrichment_handlers[0].type: there is no stage 'DeltaTableWriter'; write "
        "'delta'",
        "workers.copies.enrichment_handlers[1].type: there is no stage 'lokup'; did you mean",
        "workers.others.enrichment_handlers[0].type: there is no stage 'a.b:LookupHandler'; write",
        "worker 'others', stage 'lookup': endpoint holds {id}, and path_params does not say",
        "worker 'thirds', table_name: unknown table 'nothing'",
        "worker 'fourths', column_mapping: table 'claimx_tasks' has no column none",
        "worker 'fourths', mode: table 'claimx_tasks' is a table of mode 'merge'",
        "worker 'fourths', partition_by: table 'claimx_tasks' is partitioned by",
        "worker 'fourths', extra_columns: cannot be added, as schema_evolution is false",
        "worker 'fifths', extra_columns: table 'claimx_tasks' has a column 'task_id' of type",
        "workers.sixths: worker 'sixths' lacks input_topic",
        "workers.evnts: there is no worker 'evnts'; did you mean 'events'?",
        "workers.enrichment_worker: this worker is called 'enrichment'",
        "workers.nobody: there is no such worker; there are ",
        "workers.events: worker 'events' is not a chain of stages",
        "workers.itel-api.stages.lokup: worker 'itel-api' has 0 stages 'lokup'; did you mean",
        "worker 'ninths', stage 'transform': unknown key 'mapings'; did you mean 'mappings'?",
        "'stages' changes the worker's own chain, which 'enrichment_handlers' replaces",
        "worker 'lookers', stage 'lookup': there is no connection 'nowhere'",
        "workers.eighths.success_topic: 'claimx.entities.rows' belongs to the pipeline",
        "topic 'c d' is not a valid name",
    ],
    settings={
        "workers": {
            "copies": {
                "input_topic": "a.in",
                "enrichment_handlers": [{"type": "DeltaTableWriter"}, {"type": "lokup"}],
            },
            "others": {
                "input_topic": "b.in",
                "enrichment_handlers": [
                    {"type": "a.b:LookupHandler"},
                    {"type": "lookup", "config": {"connection": "x", "endpoint": "/x/{id}"}},
                ],
            },
            "thirds": {
                "input_topic": "c.in",
                "enrichment_handlers": [{"type": "delta", "config": {"table_name": "nothing"}}],
            },
            "fourths": {
                "input_topic": "d.in",
                "enrichment_handlers": [
                    {
                        "type": "delta",
                        "config": {
                            "table_name": "claimx_tasks",
                            "column_mapping": {"none": "x"},
                            "mode": "append",
                            "partition_by": ["task_id"],
                            "extra_columns": {"mine": "string"},
                            "schema_evolution": False,
                        },
                    }
                ],
            },
            "fifths": {
                "input_topic": "e.in",
                "enrichment_handlers": [
                    {
                        "type": "delta",
                        "config": {
                            "table_name": "claimx_tasks",
                            "extra_columns": {"task_id": "date"},
                        },
                    }
                ],
            },
            "sixths": {"enrichment_handlers": [{"type": "transform", "config": {"mappings": {}}}]},
            "lookers": {
                "input_topic": "f.in",
                "enrichment_handlers": [
                    {"type": "lookup", "config": {"connection": "nowhere", "endpoint": "/x"}}
                ],
            },
            "eighths": {
                "input_topic": "c d",
                "success_topic": "claimx.entities.rows",
                "enrichment_handlers": [{"type": "transform", "config": {"mappings": {}}}],
            },
            "evnts": {"batch_size": 1},
            "enrichment_worker": {"batch_size": 1},
            "nobody": {"batch_size": 1},
            "events": {"success_topic": "x.out"},
            "itel-api": {"stages": {"lokup": {}}},
            "itel-tracking": {
                "stages": {"transform": {}},
                "enrichment_handlers": [{"type": "transform", "config": {"mappings": {}}}],
            },
            "ninths": {
                "input_topic": "n.in",
                "enrichment_handlers": [{"type": "transform", "config": {"mapings": {}}}],
            },
        }
    },
)

SETTINGS = Installation(
    said=[
        "claimx.yaml:1: kafka.claimx.enrichment_worker.processing.plugins_dir: ",
        "write plugins.dir",
        "claimx.yaml:2: enabled: ",
        "workers.events.enabled: 'enabled' is not a key of this version; a worker runs if",
        "connections.crm.enabled: 'enabled' is not a key of this version",
        "claimx.api.base_url: is not a valid URL",
        "tables.root: is 's3:/bucket/x', which is not a valid location",
        "tables.rot: unknown key 'rot'; did you mean 'root'?",
        "retry.delays_seconds",
        "broker.topics",
    ],
    text="""\
kafka: {claimx: {enrichment_worker: {processing: {plugins_dir: plugins/x}}}}
enabled: true
workers: {events: {enabled: true}}
connections: {crm: {base_url: 'https://crm.invalid', enabled: true}}
tables: {root: 's3:/bucket/x', rot: x}
retry: {delays_seconds: soon}
broker: {topics: {claimx.events.raw: {partitions: none}}}
""",
    environ={"CLAIMX_API_URL": "127.0.0.1:8766"},
)

NAMES = Installation(
    said=[
        "plugins.itel_cabinet_triger: no plugin 'itel_cabinet_triger' is installed",
        "broker.topics.\"claimx.event.raw\": there is no topic 'claimx.event.raw'",
        "'claimx.downloads.pending' and 'claimx.entities.rows' have one name on the broker",
        "workers 'download' and 'upload' are in one consumer group",
        "workers.copies.error_topic: 'acme.t.out' is what topic 't.out' is called on the broker",
        "tables.paths.claimx_event: there is no table 'claimx_event'",
        "tables.root has the unknown scheme 'ftp'",
        "storage.files.root: the scheme 'ftp' is unknown",
        "storage.cache.root: the folder FOLDER/claimx.yaml/cache cannot be made: "
        "FOLDER/claimx.yaml is not a folder",
        "broker.url is 'amqp://x', which is not a valid broker URL",
        "connections.crm.auth_token: is empty, but auth_type is 'bearer'",
        "network.ca_file: 'FOLDER/none.pem' cannot be used",
        "network.proxy_password: is set without proxy_username",
        "connections.oauth.oauth2.client_secret: is set beside client_secret_file",
        "sources.mine: a source of type 'files' needs 'path'",
        "sources.yours: there is no type of sources 'fils'; did you mean 'files'?",
        "sources.Theirs: 'Theirs' is not a valid name of a source",
        "sources.lost.topic: no worker reads topic 'lost.raw'",
        "maintenance.retention_days.claimx_projects: table 'claimx_projects': ",
    ],
    settings={
        "maintenance": {"retention_days": {"claimx_projects": 30}},
        "broker": {
            "url": "amqp://x",
            "prefix": "acme.",
            "topics": {
                "claimx.event.raw": {"partitions": 3},
                "claimx.entities.rows": {"name": "acme.claimx.downloads.pending"},
            },
        },
        "plugins": {"itel_cabinet_triger": {"enabled": False}},
        "tables": {"root": "ftp://x/y", "paths": {"claimx_event": "x"}},
        "storage": {"files": {"root": "ftp://x"}, "cache": {"root": "FOLDER/claimx.yaml/cache"}},
        "network": {"ca_file": "FOLDER/none.pem", "proxy_password": "x"},
        "connections": {
            "crm": {"base_url": "https://crm.invalid", "auth_type": "bearer"},
            "oauth": {
                "base_url": "https://crm.invalid",
                "auth_type": "oauth2",
                "oauth2": {
                    "client_id": "x",
                    "client_secret": "x",
                    "client_secret_file": "FOLDER/none",
                    "token_url": "https://crm.invalid",
                },
            },
        },
        "sources": {
            "mine": {"type": "files"},
            "yours": {"type": "fils", "path": "x"},
            "Theirs": {"type": "files", "path": "x"},
            "lost": {"type": "files", "path": "x", "topic": "lost.raw"},
        },
        "workers": {
            "download": {"consumer_group": "claimx-upload-worker"},
            "copies": {
                "input_topic": "t.in",
                "success_topic": "t.out",
                "error_topic": "acme.t.out",
                "enrichment_handlers": [
                    {"type": "lookup", "config": {"connection": "crm", "endpoint": "/x"}}
                ],
            },
        },
    },
)

LOADING = Installation(
    said=[
        "plugin 'syntax' (FOLDER/plugins/syntax/config.yaml) cannot be loaded: SyntaxError",
        "plugin 'exits' (FOLDER/plugins/exits/config.yaml) cannot be loaded: SystemExit",
        "plugin 'first' (FOLDER/plugins/first/config.yaml) cannot be loaded: "
        "claimx_register_tables cannot be called by 'tryfirst'",
        "plugin 'last' (FOLDER/plugins/last/config.yaml) cannot be loaded: "
        "claimx_enrichment_complete cannot be called by 'trylast'",
        "plugin 'wraps' (FOLDER/plugins/wraps/config.yaml) cannot be loaded: "
        "claimx_register_tables cannot be a wrapper",
        "plugin 'nothing' (FOLDER/plugins/nothing/config.yaml) cannot be loaded: it has no method",
        "plugin 'newer' (FOLDER/plugins/newer/config.yaml) cannot be loaded: it is written for",
        "plugin 'versions' (FOLDER/plugins/versions/config.yaml) cannot be loaded: requires_api",
        "plugin 'misspelt' (FOLDER/plugins/misspelt/config.yaml) cannot be loaded: ",
        "plugin 'odd-domains' (FOLDER/plugins/odd-domains/config.yaml) cannot be loaded: its "
        "'domains' are 5",
        "plugin 'core' (FOLDER/plugins/core/config.yaml) cannot be loaded: this name has a meaning",
        "plugin 'wordy' (FOLDER/plugins/wordy/config.yaml) cannot be loaded: ",
        "plugin 'yml' (FOLDER/plugins/yml/config.yaml) cannot be loaded: the folder has no "
        "config.yaml, so there is no plugin in it; 'config.yml' is not read",
        "plugin 'empty' (FOLDER/plugins/empty/config.yaml) cannot be loaded: ",
        "plugin 'no-class' (FOLDER/plugins/no-class/config.yaml) cannot be loaded: module 'os' has",
        "plugin 'object' (FOLDER/plugins/object/config.yaml) cannot be loaded: class Path is not",
        "plugin 'config' (FOLDER/plugins/config/config.yaml) cannot be loaded: ",
        "plugin 'seed' (FOLDER/plugins/seed/config.yaml) cannot be loaded: module "
        "'kafka_pipeline.plugins.task' is of the system before",
        "plugin 'twice' (FOLDER/plugins/twice/config.yaml and FOLDER/plugins/twice2/config.yaml) "
        "cannot be loaded: each of them has a plugin of this name",
        "plugins.section: plugin 'section' failed in claimx_register_settings: it returned",
        "plugins.section2: plugin 'section2' failed in claimx_register_settings: ZeroDivision",
        "plugins.section3: plugin 'section3' failed in claimx_register_settings: section 'third'",
        "plugins.section5: plugin 'section5' registers settings section 'fourth', which plugin "
        "'section4' has registered already",
        "plugins.raises: plugin 'raises' failed in claimx_register_tables: ZeroDivisionError",
    ],
    plugins={
        "syntax": "def execute(self: pass",
        "exits": "raise SystemExit",
        "first": HOOK.replace("@hookimpl", "@hookimpl(tryfirst=True)")
        + "def claimx_register_tables(self): return []",
        "last": HOOK.replace("@hookimpl", "@hookimpl(trylast=True)")
        + "def claimx_enrichment_complete(self, context): return None",
        "wraps": HOOK.replace("@hookimpl", "@hookimpl(wrapper=True)")
        + "def claimx_register_tables(self): return (yield)",
        "nothing": "pass",
        "newer": "requires_api = '99.0'\n" + IDLE,
        "versions": "requires_api = 'new'\n" + IDLE,
        "misspelt": hook("claimx_register_tabels", "return []"),
        "odd-domains": "domains = 5\n" + IDLE,
        "core": IDLE,
        "raises": hook("claimx_register_tables", "return 1 / 0"),
        "section": hook("claimx_register_settings", "return 5"),
        "section2": hook("claimx_register_settings", "return 1 / 0"),
        "section3": hook(
            "claimx_register_settings",
            "from claimx_pipeline import SettingsSection\n"
            "return SettingsSection(name='third', environment=['X'])",
        ),
        **{
            f"section{number}": hook(
                "claimx_register_settings",
                "from claimx_pipeline import SettingsSection\n"
                "return SettingsSection(name='fourth')",
            )
            for number in (4, 5)
        },
    },
    files={
        "plugins/wordy/config.yaml": "{module: os, class: path, wrong: 1}",
        "plugins/yml/config.yml": "{module: os, class: path}",
        "plugins/empty/config.yaml": "",
        "plugins/no-class/config.yaml": "{module: os, class: Nothing}",
        "plugins/object/config.yaml": "{module: pathlib, class: Path}",
        "plugins/config/config.yaml": "{module: pathlib, class: Path, config: 5}",
        "plugins/seed/config.yaml": "{module: kafka_pipeline.plugins.task, class: Task}",
        "plugins/twice/config.yaml": "{name: twice, module: pathlib, class: Path}",
        "plugins/twice2/config.yaml": "{name: twice, module: pathlib, class: Path}",
    },
    settings={
        "plugins": {
            name: {"required": True}
            for name in ("seed", "wordy", "yml", "empty", "no-class", "object", "config", "twice")
        }
    },
)

DOMAINS = Installation(
    said=[
        "plugins.not-one: plugin 'not-one' registers 'claimx' as a domain",
        "plugins.same: plugin 'same' registers domain 'claimx', which plugin 'core' has",
        "plugins.raises: plugin 'raises' failed in claimx_register_domains: ZeroDivisionError",
        "plugins.retry: plugin 'retry': domain 'retry' has the name of workers",
        "plugins.shares: domains 'claimx' and 'shares' both have a table 'claimx_events'",
        "plugins.shares: domains 'claimx' and 'shares' both bring a connection 'claimx_api'",
        "plugins.odd: domain 'odd' brings connections 5; return ConnectionSettings by name",
    ],
    plugins={
        "not-one": hook("claimx_register_domains", "return ['claimx']"),
        "same": hook("claimx_register_domains", f"{DOMAIN}\nreturn [CLAIMX]"),
        "raises": hook("claimx_register_domains", "return 1 / 0"),
        "retry": hook(
            "claimx_register_domains", f"{DOMAIN}\nreturn [evolve(CLAIMX, name='retry')]"
        ),
        "shares": hook(
            "claimx_register_domains",
            f"{DOMAIN}\nreturn [evolve(CLAIMX, name='shares', worker_prefix='shares-', actions=())]",
        ),
        "odd": hook(
            "claimx_register_domains",
            f"{DOMAIN}\nreturn [evolve(CLAIMX, name='odd', worker_prefix='odd-', actions=(), "
            "connections=lambda settings: 5)]",
        ),
    },
)

WAITING = Installation(
    said=["plugins.mine.config.word: UNSET_WORD is not set"],
    plugins={
        "mine": "from attrs import frozen\n@frozen\nclass Config:\n    word: str = ''\n"
        "config_class = Config\n" + IDLE
    },
    files={
        "plugins/mine/config.yaml": "{module: plugin, class: It, config: {word: '${UNSET_WORD}'}}"
    },
)

TRIGGERS = Installation(
    said=[
        "plugins.task_trigger.config.triggers.1.on_any.webhook.connection: there is no connection",
        "plugins.task_trigger.config.triggers.1.on_any.log: there is no name 'task_nme' for a "
        "message; did you mean 'task_name'?",
    ],
    files={
        "plugins/task_trigger/config.yaml": """
            module: claimx_pipeline.plugins.task_trigger
            class: TaskTriggerPlugin
            config:
              triggers:
                1: {name: x, on_any: {webhook: {connection: nowhere}, log: "{task_nme}"}}
        """
    },
    settings={"plugins": {"dir": "plugins", "task_trigger": {"required": True}}},
)

LOOKUPS = [
    {"type": "lookup", "config": {"connection": name, "endpoint": "/x"}}
    for name in ("both", "given", "lacks", "odd", "file", "blank", "login")
]

SERVICES = Installation(
    said=[
        "plugins.alerts.config.connection: there is no connection 'nowhere' (there are: blank",
        "network.proxy_username: is set, but there is no proxy",
        "media.network.proxy_username: is set, but there is no proxy",
        "connections.both.network.proxy_username: is set without proxy_password",
        "connections.both.auth_token: is set beside auth_token_file; keep one of the two",
        "connections.given.auth_token: goes with a token that is given",
        "connections.lacks.oauth2: is not set, but auth_type is 'oauth2'",
        "connections.odd.oauth2.token_url: must not hold a credential or a query",
        "connections.file.oauth2.client_secret_file: FOLDER/none cannot be read",
        "connections.blank.oauth2.client_secret: is not set; set it, or client_secret_file",
        "connections.login.base_url: must not hold a credential or a query",
    ],
    settings={
        "plugins": {"alerts": {"enabled": True, "config": {"connection": "nowhere"}}},
        "network": {"proxy_username": "x", "proxy_password": "y"},
        "media": {"network": {"proxy_username": "x"}},
        "connections": {
            "both": {
                "base_url": "https://a.invalid",
                "auth_type": "bearer",
                "auth_token": "x",
                "auth_token_file": "y",
                "network": {"proxy": "http://p:1", "proxy_username": "x"},
            },
            "given": {
                "base_url": "https://a.invalid",
                "auth_type": "oauth2",
                "auth_token": "x",
                "oauth2": {
                    "client_id": "x",
                    "client_secret": "x",
                    "token_url": "https://a.invalid",
                },
            },
            "lacks": {"base_url": "https://a.invalid", "auth_type": "oauth2"},
            **{
                name: {
                    "base_url": "https://a.invalid",
                    "auth_type": "oauth2",
                    "oauth2": {"client_id": "x", "token_url": "https://a.invalid", **more},
                }
                for name, more in {
                    "odd": {"client_secret": "x", "token_url": "https://u:p@a.invalid/?x=1"},
                    "file": {"client_secret_file": "FOLDER/none"},
                    "blank": {},
                }.items()
            },
            "login": {"base_url": "https://u:p@a.invalid"},
        },
        "workers": {"asks": {"input_topic": "a.in", "enrichment_handlers": LOOKUPS}},
    },
)

KAFKA = {"url": "kafka://127.0.0.1:1"}

ODD = {
    "options of stores": Installation(
        said=[
            "storage.options: an option is unknown",
            "storage.options: 'allow_invalid_certificates' is not offered",
            "tables.root: table 'claimx_events': tables.root leads to",
        ],
        settings={
            "storage": {
                "files": {"root": "s3://bucket/x", "options": {"wrong_option": "x"}},
                "cache": {
                    "root": "s3://bucket/y",
                    "options": {"allow_invalid_certificates": "true"},
                },
            },
            "tables": {"root": "FOLDER/a%20b"},
        },
    ),
    "numbers of stores": Installation(
        said=[
            "storage.options: 'max_retries' is not a number up to 999",
            "storage.options: 'retry_timeout' is not a duration such as 30s",
        ],
        settings={
            "storage": {
                "files": {"root": "s3://bucket/x", "options": {"max_retries": "many"}},
                "cache": {"root": "s3://bucket/y", "options": {"retry_timeout": "long"}},
            }
        },
    ),
    "a store": Installation(
        said=["storage.files.root: abfss://x cannot be used: "],
        settings={"storage": {"files": {"root": "abfss://x"}}},
    ),
    "the file of the broker": Installation(
        said=["broker.url: "], settings={"broker": {"url": "sqlite://no/slash.db"}}
    ),
    "a login without SASL": Installation(
        said=["broker.kafka.sasl_mechanism: is "],
        settings={
            "broker": {
                **KAFKA,
                "kafka": {"security_protocol": "PLAINTEXT", "sasl_mechanism": "SCRAM-SHA-256"},
            }
        },
    ),
    "OAuth without SASL": Installation(
        said=["broker.kafka.oauth: is set, "],
        settings={
            "broker": {
                **KAFKA,
                "kafka": {"security_protocol": "PLAINTEXT", "oauth": {"client_id": "x"}},
            }
        },
    ),
    "SASL without a login": Installation(
        said=["broker.kafka: SASL_SSL needs a username and a password"],
        settings={"broker": {**KAFKA, "kafka": {"security_protocol": "SASL_SSL"}}},
    ),
    "SASL with two logins": Installation(
        said=["broker.kafka.oauth: "],
        settings={
            "broker": {
                **KAFKA,
                "kafka": {
                    "security_protocol": "SASL_SSL",
                    "sasl_mechanism": "PLAIN",
                    "username": "x",
                    "password": "y",
                    "oauth": {"client_id": "x"},
                },
            }
        },
    ),
    "the plugins of the former system": Installation(
        said=["claimx.yaml:1: plugins.config_path: 'config_path' is not a key of this version"],
        text="plugins: {config_path: plugins/x}\n",
    ),
    "one wrong setting": Installation(
        said=[
            "claimx.yaml:1: tables.rot: unknown key 'rot'; did you mean 'root'?",
            "plugins.mine: plugin 'mine' failed in claimx_register_tables: ZeroDivisionError",
            "plugins.yours: plugin 'yours' registers worker 'events', which the pipeline has",
        ],
        text="tables: {rot: x}\nplugins: {dir: plugins, looks: {required: true}}\n",
        plugins={
            "mine": hook("claimx_register_tables", "return 1 / 0"),
            "yours": hook(
                "claimx_register_workers",
                WORKER + "return [WorkerSpec(name='events', summary='', reads=(Topic('y.in'),), "
                "group='yours', build=Chain.of())]",
            ),
            # What it would say of other settings than these is not known.
            "looks": hook("claimx_register_tables", "return 1 / 0", ", settings"),
        },
    ),
    "nothing that workers need": Installation(
        said=[
            "claimx.api: worker 'enrichment' asks the ClaimX API and has no address",
            "connections.itel_cabinet_api.base_url: ITEL_CABINET_API_BASE_URL is not set",
            "claimx.yaml:1: plugins.task_trigger.config.include_task_data: UNSET is not set",
        ],
        text="plugins: {dir: plugins, task_trigger: {required: true, "
        "config: {include_task_data: '${UNSET}'}}}\n",
        files={
            "plugins/task_trigger/config.yaml": "{module: claimx_pipeline.plugins.task_trigger, "
            "class: TaskTriggerPlugin}"
        },
        given={},
    ),
    "plugins without settings": Installation(
        said=[
            "plugins.mine: plugin 'mine' (FOLDER/plugins/mine/config.yaml) cannot be loaded: "
            "plugins.mine.config: plugin 'mine' has no settings; remove them",
            "plugins.itel_cabinet_form: plugin 'itel_cabinet_form' (itel-cabinet-plugin",
            "plugins.argument: plugin 'argument' (FOLDER/plugins/argument/config.yaml) cannot be "
            "loaded: Plugin 'argument' for hook 'claimx_register_tables'",
        ],
        plugins={"mine": IDLE, "argument": hook("claimx_register_tables", "pass", ", wrong")},
        settings={
            "plugins": {
                "mine": {"required": True, "config": {"a": 1}},
                "itel_cabinet_form": {"config": {"a": 1}},
            }
        },
    ),
    "what settings cannot use": Installation(
        said=[
            "workers.mine.enrichment_handlers[0].type: stage 'bare' has no config_class, so only",
            "sources.there: its worker would be called 'source-there', as another worker is",
        ],
        plugins={
            "bare": hook(
                "claimx_register_stages",
                """
                class Bare:
                    async def process(self, items): ...
                return {"bare": Bare}
                """,
            ),
            "there": hook(
                "claimx_register_workers",
                WORKER + "return [WorkerSpec(name='source-there', summary='', group='there', "
                "reads=(Topic('there.in', source=True),), build=Chain.of())]",
            ),
        },
        settings={
            "workers": {"mine": {"input_topic": "m.in", "enrichment_handlers": [{"type": "bare"}]}},
            "sources": {"there": {"type": "files", "path": "x"}},
        },
    ),
}

BROKEN: Mapping[str, Installation] = {
    "what plugins register": REGISTERING,
    "workers of plugins": WORKERS,
    "chains of the settings": CHAINS,
    "settings": SETTINGS,
    "names and locations": NAMES,
    "plugins that cannot be loaded": LOADING,
    "domains": DOMAINS,
    "a plugin's setting without value": WAITING,
    "triggers": TRIGGERS,
    "services": SERVICES,
    **ODD,
}
