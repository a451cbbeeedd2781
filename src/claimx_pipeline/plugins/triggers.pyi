from claimx_pipeline.claimx.task_trigger.triggers import (
    LogAction as LogAction,
)
from claimx_pipeline.claimx.task_trigger.triggers import (
    TaskTriggerConfig as TaskTriggerConfig,
)
from claimx_pipeline.claimx.task_trigger.triggers import (
    Trigger as Trigger,
)
from claimx_pipeline.claimx.task_trigger.triggers import (
    TriggerActions as TriggerActions,
)
from claimx_pipeline.claimx.task_trigger.triggers import (
    WebhookAction as WebhookAction,
)
