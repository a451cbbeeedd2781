from ..assembly import Sources
from ..delta.importing.progress import Counts, ImportState
from ..delta.maintenance import Maintained, Size
from ..delta.querying.query import AnswerLimits
from ..errors import PluginLoadError, Refusals
from ..pipeline import Pipeline
from ..plugins.host.info import PluginInfo
from ..plugins.host.loading import PluginSet
from ..runtime.dead_letters.dead_letter import DeadLetter
from ..runtime.dead_letters.reader import DeadLetterFilter, FoundDeadLetter
from ..runtime.dead_letters.replay import Refused
from ..runtime.headers import Origin
from ..runtime.idle import Progress
from ..runtime.offsets.repair import Moved
from ..settings.loader import LoadedSettings
from ..settings.loading.unresolved import Missing, UnresolvedSetting
from ..telemetry.failures import RecentFailures
from ..telemetry.health import Health, Pulse, WorkerHealth
from ..telemetry.metrics import Metrics, WorkerMetrics
from .asking import named_query, query
from .checking import Checked, check, check_settings, start, to_start
from .connecting import ask_services, differing_topics
from .create import create_all
from .dead_letter_views import DeadLetterGroup, DeadLetterGroups, ShownDeadLetter
from .dead_letters import (
    DeadLetterLook,
    dead_letter_filter,
    export_dead_letters,
    look_at_dead_letters,
    read_dead_letters,
    show_dead_letter,
)
from .describe import (
    DescribedPlugin,
    DescribedStage,
    DescribedWorker,
    describe_plugin,
    describe_worker,
)
from .doctor.examine import examine, unreadable
from .doctor.findings import Examination, Finding
from .erasing.erase import ErasedFiles, Erasure, claims_of_person, erase
from .erasing.records import ErasedRecords
from .erasing.rows import ErasedRows
from .export import export_deployment
from .former_settings import (
    FormerSettings,
    FormerVariable,
    FoundVariable,
    settings_from_environment,
)
from .leftovers import left_behind
from .migrate import MigratedTable, migrate_tables
from .moments import moment
from .monitoring import export_monitoring
from .offsets import ShownOffset, adopt_offsets, rewind_offsets, show_offsets
from .old_tables import (
    Comparison,
    Difference,
    ImportedTable,
    compare_tables,
    import_table,
    old_table_views,
)
from .outputs import UnreadOutput, unread_outputs
from .past import WorkerPast, past_of_workers
from .probes import ProcessProbe, ask_probes
from .publication import Publication, plan_publication, publish_planned
from .query_answer import QueryAnswer
from .record_filter import Condition, RecordFilter
from .record_transform import RecordTransform, ValueChange
from .replay import Replayed, ReplayPlan, TransformedValue, plan_replay, replay_dead_letters
from .run import Running, WorkerRun, run_until_idle, run_workers, running
from .run_report import RunReport
from .sources import Backfill, backfill_of, restart_source
from .status import look_at_status
from .status_views import DeadCause, PipelineStatus, RetryTier, TableAge, WorkerStatus
from .table_history import TableVersion, table_versions
from .table_views import CreatedTable, DescribedColumn, DescribedTable, ListedTable
from .tables import (
    compact_tables,
    create_tables,
    describe_table,
    list_tables,
    maintain_tables,
    vacuum_tables,
)
from .topic_deletion import TopicToDelete, delete_topics, topics_to_delete
from .topic_end import NewestRecords, newest_records
from .topic_facts import DescribedTopic, describe_topic, describe_topics
from .topic_reading import Bound, ShownRecord, bound, read_records
from .topics import (
    ListedTopic,
    PublishedEvents,
    RefusedLine,
    create_topics,
    list_topics,
    publish,
    publish_events,
    read_topic,
)
from .tracing.trace import trace
from .tracing.views import Now, Reader, Station, Trace
from .try_event import TriedPlugin, context_of, read_event, try_plugin
from .verification import Verified, verify

__all__ = [
    "AnswerLimits",
    "Backfill",
    "Bound",
    "Checked",
    "Comparison",
    "Condition",
    "Counts",
    "CreatedTable",
    "DeadCause",
    "DeadLetter",
    "DeadLetterFilter",
    "DeadLetterGroup",
    "DeadLetterGroups",
    "DeadLetterLook",
    "DescribedColumn",
    "DescribedPlugin",
    "DescribedStage",
    "DescribedTable",
    "DescribedTopic",
    "DescribedWorker",
    "Difference",
    "ErasedFiles",
    "ErasedRecords",
    "ErasedRows",
    "Erasure",
    "Examination",
    "Finding",
    "FormerSettings",
    "FormerVariable",
    "FoundDeadLetter",
    "FoundVariable",
    "Health",
    "ImportState",
    "ImportedTable",
    "ListedTable",
    "ListedTopic",
    "LoadedSettings",
    "Maintained",
    "Metrics",
    "MigratedTable",
    "Missing",
    "Moved",
    "NewestRecords",
    "Now",
    "Origin",
    "Pipeline",
    "PipelineStatus",
    "PluginInfo",
    "PluginLoadError",
    "PluginSet",
    "ProcessProbe",
    "Progress",
    "Publication",
    "PublishedEvents",
    "Pulse",
    "QueryAnswer",
    "Reader",
    "RecentFailures",
    "RecordFilter",
    "RecordTransform",
    "Refusals",
    "Refused",
    "RefusedLine",
    "ReplayPlan",
    "Replayed",
    "RetryTier",
    "RunReport",
    "Running",
    "ShownDeadLetter",
    "ShownOffset",
    "ShownRecord",
    "Size",
    "Sources",
    "Station",
    "TableAge",
    "TableVersion",
    "TopicToDelete",
    "Trace",
    "TransformedValue",
    "TriedPlugin",
    "UnreadOutput",
    "UnresolvedSetting",
    "ValueChange",
    "Verified",
    "WorkerHealth",
    "WorkerMetrics",
    "WorkerPast",
    "WorkerRun",
    "WorkerStatus",
    "adopt_offsets",
    "ask_probes",
    "ask_services",
    "backfill_of",
    "bound",
    "check",
    "check_settings",
    "claims_of_person",
    "compact_tables",
    "compare_tables",
    "context_of",
    "create_all",
    "create_tables",
    "create_topics",
    "dead_letter_filter",
    "delete_topics",
    "describe_plugin",
    "describe_table",
    "describe_topic",
    "describe_topics",
    "describe_worker",
    "differing_topics",
    "erase",
    "examine",
    "export_dead_letters",
    "export_deployment",
    "export_monitoring",
    "import_table",
    "left_behind",
    "list_tables",
    "list_topics",
    "look_at_dead_letters",
    "look_at_status",
    "maintain_tables",
    "migrate_tables",
    "moment",
    "named_query",
    "newest_records",
    "old_table_views",
    "past_of_workers",
    "plan_publication",
    "plan_replay",
    "publish",
    "publish_events",
    "publish_planned",
    "query",
    "read_dead_letters",
    "read_event",
    "read_records",
    "read_topic",
    "replay_dead_letters",
    "restart_source",
    "rewind_offsets",
    "run_until_idle",
    "run_workers",
    "running",
    "settings_from_environment",
    "show_dead_letter",
    "show_offsets",
    "start",
    "table_versions",
    "to_start",
    "topics_to_delete",
    "trace",
    "try_plugin",
    "unread_outputs",
    "unreadable",
    "vacuum_tables",
    "verify",
]
