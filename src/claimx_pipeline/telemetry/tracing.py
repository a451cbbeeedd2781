"""Spans for OpenTelemetry: one for each record, from when it is worked on to its commit.

Imported only where tracing is switched on; nothing else imports OpenTelemetry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from claimx_pipeline.errors import Problem, SettingsError
from claimx_pipeline.isolation import message, type_name
from claimx_pipeline.redaction import Redactor
from claimx_pipeline.settings.tree.tracing import TracingSettings

try:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
    from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError as error:
    raise SettingsError(
        [
            Problem(
                "tracing.endpoint",
                f"spans need what is not installed ({error.name}); run "
                "pip install 'claimx-pipeline[otel]', or leave the endpoint empty",
            )
        ]
    ) from error

_W3C = TraceContextTextMapPropagator()
_CARRIED = ("traceparent", "tracestate")


@frozen
class Tracing:
    """Makes the spans of one process."""

    _provider: TracerProvider
    _redactor: Redactor
    _tracer: Tracer = field(init=False)

    @_tracer.default
    def _tracer_of_provider(self) -> Tracer:
        return self._provider.get_tracer("claimx_pipeline")

    @classmethod
    def of(
        cls, settings: TracingSettings, redactor: Redactor, exporter: SpanExporter | None = None
    ) -> Tracing:
        """Return what sends spans where *settings* say.

        Args:
            settings: The section.
            redactor: Cleans the texts of errors.
            exporter: Sends the spans, in place of one that the settings describe.
        """
        provider = TracerProvider(
            sampler=ParentBasedTraceIdRatio(settings.sample_ratio),
            resource=Resource.create({"service.name": settings.service_name}),
            # The process ends with its workers, who close this.
            shutdown_on_exit=False,
        )
        sent_by = exporter or OTLPSpanExporter(
            settings.endpoint,
            headers={name: value.reveal() for name, value in settings.headers.items()},
            timeout=settings.timeout_seconds,
        )
        provider.add_span_processor(BatchSpanProcessor(sent_by))
        return cls(provider, redactor)

    def start(
        self,
        worker: str,
        group: str,
        headers: Sequence[tuple[str, bytes]],
        about: Mapping[str, Any],
    ) -> Span:
        """Begin the span of a record; it is the child of the span in its *headers*.

        Args:
            worker: Who works on it.
            group: Its consumer group.
            headers: Of the record.
            about: The fields of log lines about it.
        """
        carried = {
            name: value.decode("ascii", "replace") for name, value in headers if name in _CARRIED
        }
        attributes = {
            "messaging.operation.type": "process",
            "messaging.destination.name": about["topic"],
            "messaging.destination.partition.id": str(about["partition"]),
            "messaging.kafka.offset": about["offset"],
            "messaging.consumer.group.name": group,
            "claimx.worker": worker,
            **{
                f"claimx.{key}": about[key]
                for key in ("event_id", "correlation_id")
                if key in about
            },
        }
        return self._tracer.start_span(
            f"process {about['topic']}",
            context=_W3C.extract(carried),
            kind=SpanKind.CONSUMER,
            attributes=attributes,
        )

    def headers(self, span: Span) -> tuple[tuple[str, bytes], ...]:
        """Return the headers of what the record of *span* leads to."""
        carried: dict[str, str] = {}
        _W3C.inject(carried, set_span_in_context(span))
        return tuple((name, value.encode()) for name, value in carried.items())

    def end(self, span: Span, outcome: str, error: Exception | None) -> None:
        """End the span of a record that is committed, with what became of it."""
        span.set_attribute("claimx.outcome", outcome)
        if error is not None:
            span.set_attribute("error.type", type_name(error))
            span.set_status(StatusCode.ERROR, self._redactor.text(message(error)))
        span.end()

    def close(self) -> None:
        """Send what is left, and stop."""
        self._provider.shutdown()
