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
    Item,
    RecordStage,
    Stage,
    StageSpec,
)
from .send import (
    SendConfig,
    SendStage,
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
    "Chain",
    "ChainProcessor",
    "DeltaConfig",
    "DeltaStage",
    "FieldRule",
    "Item",
    "LookupConfig",
    "LookupStage",
    "RecordStage",
    "SendConfig",
    "SendStage",
    "SkipRule",
    "Stage",
    "StageSpec",
    "TransformConfig",
    "TransformStage",
    "ValidationConfig",
    "ValidationStage",
    "read_field",
]
