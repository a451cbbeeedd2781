from ..broker.protocol import (
    OutRecord,
    Record,
)
from ..connections.answer import (
    Answer,
    RequestFailedError,
)
from ..connections.cache import (
    AnswerCache,
)
from ..connections.call import (
    Watch,
)
from ..connections.client import (
    Connection,
)
from ..connections.registry import (
    Connections,
)
from ..connections.verdict import (
    JsonVerdict,
    Verdict,
    json_object,
)
from ..runtime.outcome import (
    DONE,
    Dead,
    Done,
    Held,
    Outcome,
    Retry,
    failure,
)
from ..runtime.resources import (
    Resources,
    Webhooks,
)
from ..runtime.retry_ladder import (
    RetryLadder,
)
from ..runtime.worker import (
    Intake,
    KnowsAssignment,
    Processor,
    Received,
    WorkerSpec,
)
from ..settings.tree.connections import (
    ConnectionSettings,
)
from ..topics import (
    Topic,
    TopicUse,
    Topology,
)
from .chain import (
    Chain,
    ChainProcessor,
)
from .delta import (
    DeltaConfig,
    DeltaStage,
)
from .fields import (
    read_field,
)
from .lookup import (
    LookupConfig,
    LookupStage,
)
from .protocol import (
    FollowsAssignment,
    Item,
    RecordStage,
    Stage,
    StageSpec,
)
from .send import (
    SendConfig,
    SendStage,
)
from .topic_log import (
    BrokerError,
    TopicLog,
)
from .transform import (
    TransformConfig,
    TransformStage,
)
from .validation import (
    FieldRule,
    SkipRule,
    ValidationConfig,
    ValidationStage,
)

__all__ = [
    "DONE",
    "Answer",
    "AnswerCache",
    "BrokerError",
    "Chain",
    "ChainProcessor",
    "Connection",
    "ConnectionSettings",
    "Connections",
    "Dead",
    "DeltaConfig",
    "DeltaStage",
    "Done",
    "FieldRule",
    "FollowsAssignment",
    "Held",
    "Intake",
    "Item",
    "JsonVerdict",
    "KnowsAssignment",
    "LookupConfig",
    "LookupStage",
    "OutRecord",
    "Outcome",
    "Processor",
    "Received",
    "Record",
    "RecordStage",
    "RequestFailedError",
    "Resources",
    "Retry",
    "RetryLadder",
    "SendConfig",
    "SendStage",
    "SkipRule",
    "Stage",
    "StageSpec",
    "Topic",
    "TopicLog",
    "TopicUse",
    "Topology",
    "TransformConfig",
    "TransformStage",
    "ValidationConfig",
    "ValidationStage",
    "Verdict",
    "Watch",
    "Webhooks",
    "WorkerSpec",
    "failure",
    "json_object",
    "read_field",
]
