from claimx_pipeline.claimx.task_trigger.conditions import (
    Compared as Compared,
)
from claimx_pipeline.claimx.task_trigger.conditions import (
    Holds as Holds,
)
from claimx_pipeline.claimx.task_trigger.conditions import (
    WrongConditionError as WrongConditionError,
)
from claimx_pipeline.claimx.task_trigger.conditions import (
    check_conditions as check_conditions,
)
from claimx_pipeline.claimx.task_trigger.conditions import (
    compile_conditions as compile_conditions,
)
