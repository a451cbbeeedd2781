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
    "BrokerError",
    "Chain",
    "ChainProcessor",
    "DeltaConfig",
    "DeltaStage",
    "FieldRule",
    "FollowsAssignment",
    "Item",
    "LookupConfig",
    "LookupStage",
    "RecordStage",
    "SendConfig",
    "SendStage",
    "SkipRule",
    "Stage",
    "StageSpec",
    "TopicLog",
    "TransformConfig",
    "TransformStage",
    "ValidationConfig",
    "ValidationStage",
    "read_field",
]
