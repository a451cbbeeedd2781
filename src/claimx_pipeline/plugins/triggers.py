"""The task trigger's settings, under the name that settings and plugins know.

The module itself is ClaimX's own, like a plugin's: nothing here is used by the pipeline.
"""

import sys
from importlib import import_module

sys.modules[__name__] = import_module("claimx_pipeline.claimx.task_trigger.triggers")
