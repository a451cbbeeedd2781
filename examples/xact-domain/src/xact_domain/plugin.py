"""What the distribution brings: the domain, its settings, its queries, its demonstration."""

from collections.abc import Sequence

from claimx_pipeline import Plugin, SettingsSection, hookimpl
from claimx_pipeline.domain import Domain
from claimx_pipeline.tables import NamedQuery
from xact_domain.events import XactEvent, decoder
from xact_domain.files import FILES
from xact_domain.handler import AttachmentsHandler, XactRows
from xact_domain.settings import NAME, XactSettings
from xact_domain.tables import EVENT_LOG, EVENTS, KEY, event_columns

XACT = Domain(
    name=NAME,
    summary="Status notifications about assignments, with the files that they link to",
    key_name=KEY,
    event=XactEvent,
    decoder=decoder,
    rows=XactRows,
    events_table=EVENTS,
    event_columns=event_columns,
    event_log=EVENT_LOG,
    handlers=lambda clock: [AttachmentsHandler()],
    files=FILES,
    demo="xact_domain.demonstration:XactDemonstration",
)

QUERIES = (
    NamedQuery(
        "xact-events-by-status",
        "How many events of each kind came, and for how many assignments.",
        "SELECT status_subtype, COUNT(*) AS events, COUNT(DISTINCT assignment_id) AS assignments\n"
        "FROM xact_events GROUP BY status_subtype ORDER BY events DESC, status_subtype",
    ),
    NamedQuery(
        "xact-attachments-by-type",
        "How many attachments of each type are stored, and how many are not.",
        "SELECT file_type, COUNT(*) AS files, SUM(bytes_downloaded) AS bytes,\n"
        "  SUM(CASE WHEN status = 'completed' THEN 0 ELSE 1 END) AS not_stored\n"
        "FROM xact_attachments GROUP BY file_type ORDER BY files DESC, file_type",
    ),
    NamedQuery(
        "xact-not-taken",
        "Events with attachments that were not fetched, and why.",
        "SELECT event_id, outcome, reason FROM xact_event_log WHERE reason <> ''\n"
        "ORDER BY event_id",
    ),
)


class XactPlugin(Plugin):
    """Brings the domain xact."""

    name = NAME
    domains = (NAME,)

    @hookimpl
    def claimx_register_settings(self) -> SettingsSection:
        """Section ``xact``."""
        return SettingsSection(name=NAME, kind=XactSettings)

    @hookimpl
    def claimx_register_domains(self) -> Sequence[Domain]:
        """The domain."""
        return [XACT]

    @hookimpl
    def claimx_register_queries(self) -> Sequence[NamedQuery]:
        """What one asks first."""
        return QUERIES
