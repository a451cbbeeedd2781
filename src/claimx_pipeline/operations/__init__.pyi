from ..delta.importing.progress import (
    Counts,
    ImportState,
)
from ..delta.maintenance import (
    Maintained,
    Size,
)
from ..pipeline import (
    Pipeline,
)
from ..plugins.host.info import (
    PluginInfo,
)
from ..plugins.host.loading import (
    PluginSet,
)
from ..runtime.dead_letters.dead_letter import (
    DeadLetter,
)
from ..runtime.dead_letters.reader import (
    DeadLetterFilter,
    FoundDeadLetter,
)
from ..runtime.dead_letters.replay import (
    Refused,
)
from ..runtime.headers import (
    Origin,
)
from ..runtime.idle import (
    Progress,
)
from ..runtime.offsets.repair import (
    Moved,
)
from ..settings.loader import (
    LoadedSettings,
)
from ..settings.loading.unresolved import (
    Missing,
    UnresolvedSetting,
)
from ..telemetry.failures import (
    RecentFailures,
)
from ..telemetry.health import (
    Health,
    Pulse,
    WorkerHealth,
)
from ..telemetry.metrics import (
    Metrics,
    WorkerMetrics,
)
from .create import (
    create_all,
)
from .dead_letter_views import (
    DeadLetterGroup,
    DeadLetterGroups,
    ShownDeadLetter,
)
from .dead_letters import (
    DeadLetterLook,
    dead_letter_filter,
    export_dead_letters,
    look_at_dead_letters,
    show_dead_letter,
)
from .describe import (
    DescribedPlugin,
    DescribedStage,
    DescribedWorker,
    describe_plugin,
    describe_worker,
)
from .export import (
    export_deployment,
)
from .former_settings import (
    FormerSettings,
    FormerVariable,
    FoundVariable,
    settings_from_environment,
)
from .left_behind import (
    left_behind,
)
from .offsets import (
    ShownOffset,
    adopt_offsets,
    rewind_offsets,
    show_offsets,
)
from .old_tables import (
    Comparison,
    Difference,
    ImportedTable,
    compare_tables,
    import_table,
    old_table_views,
)
from .replay import (
    Replayed,
    ReplayPlan,
    plan_replay,
    replay_dead_letters,
)
from .run import (
    Running,
    WorkerRun,
    run_until_idle,
    run_workers,
    running,
)
from .sources import (
    Backfill,
    backfill_of,
    restart_source,
)
from .tables import (
    CreatedTable,
    DescribedColumn,
    DescribedTable,
    ListedTable,
    compact_tables,
    create_tables,
    describe_table,
    list_tables,
    maintain_tables,
    named_query,
    query,
    vacuum_tables,
)
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
from .try_event import (
    TriedPlugin,
    context_of,
    read_event,
    try_plugin,
)

__all__ = [
    "Backfill",
    "Comparison",
    "Counts",
    "CreatedTable",
    "DeadLetter",
    "DeadLetterFilter",
    "DeadLetterGroup",
    "DeadLetterGroups",
    "DeadLetterLook",
    "DescribedColumn",
    "DescribedPlugin",
    "DescribedStage",
    "DescribedTable",
    "DescribedWorker",
    "Difference",
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
    "Missing",
    "Moved",
    "Origin",
    "Pipeline",
    "PluginInfo",
    "PluginSet",
    "Progress",
    "PublishedEvents",
    "Pulse",
    "RecentFailures",
    "Refused",
    "RefusedLine",
    "ReplayPlan",
    "Replayed",
    "Running",
    "ShownDeadLetter",
    "ShownOffset",
    "Size",
    "TriedPlugin",
    "UnresolvedSetting",
    "WorkerHealth",
    "WorkerMetrics",
    "WorkerRun",
    "adopt_offsets",
    "backfill_of",
    "compact_tables",
    "compare_tables",
    "context_of",
    "create_all",
    "create_tables",
    "create_topics",
    "dead_letter_filter",
    "describe_plugin",
    "describe_table",
    "describe_worker",
    "export_dead_letters",
    "export_deployment",
    "import_table",
    "left_behind",
    "list_tables",
    "list_topics",
    "look_at_dead_letters",
    "maintain_tables",
    "named_query",
    "old_table_views",
    "plan_replay",
    "publish",
    "publish_events",
    "query",
    "read_event",
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
    "try_plugin",
    "vacuum_tables",
]
