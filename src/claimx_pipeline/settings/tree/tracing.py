"""Section ``tracing``: spans for OpenTelemetry."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen
from attrs.validators import ge, gt, le

from claimx_pipeline.settings.kinds import KIND, optional_http_url
from claimx_pipeline.settings.kinds import headers as are_headers
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.validators import not_blank


@frozen(kw_only=True)
class TracingSettings:
    """A span for each record that a worker deals with; needs ``claimx-pipeline[otel]``."""

    endpoint: str = field(default="", metadata={KIND: optional_http_url})
    """Endpoint that tracing sends spans to, OTLP over HTTP: ``http://collector:4318/v1/traces``.
    Empty: none are made."""

    headers: Mapping[str, Secret] = field(factory=dict, metadata={KIND: are_headers})
    """Headers of what is sent there; credentials belong here."""

    sample_ratio: float = field(default=1.0, validator=[ge(0), le(1)])
    """Share of the raw records that begin a trace. A record that brings one follows what its
    ``traceparent`` says."""

    service_name: str = field(default="claimx-pipeline", validator=not_blank)
    """What the spans' service is called."""

    timeout_seconds: float = field(default=10.0, validator=gt(0))
    """How long one sending may take; spans that cannot be sent are dropped, the work goes on."""
