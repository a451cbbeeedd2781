"""The plugin's four Delta tables."""

from itel_cabinet_plugin.tables.attachments import ATTACHMENTS
from itel_cabinet_plugin.tables.forms import FORMS
from itel_cabinet_plugin.tables.submissions import SUBMISSIONS
from itel_cabinet_plugin.tables.tracking import TASK_TRACKING, tracking_table

__all__ = ["ATTACHMENTS", "FORMS", "SUBMISSIONS", "TASK_TRACKING", "tracking_table"]
