"""Alerts about ClaimX and every other service that is called."""

from __future__ import annotations

from typing import Final

from claimx_pipeline.monitoring.model import Alert

FAILED: Final = "5xx|timeout|unreached"
_LOOK: Final = (
    "Dashboard *Enrichment and API*: which endpoint, which class of status.",
    "The log: `breaker of connection … is open` has the last failure.",
)
_REMEDY: Final = (
    "`5xx`, `timeout`: the service; records wait and go on by themselves.",
    "`unreached`: network, proxy, or address (`connections.NAME.base_url`, `claimx.api.base_url`).",
    "`4xx` with 401: the credential.",
)
_SERVICE: Final = "The team that runs the service that the connection leads to."

SERVICE_ALERTS: Final = (
    Alert(
        name="ClaimxBreakerOpen",
        expr='max by (connection) (claimx_connection_breaker_state{state="open"}) == 1',
        wait="2m",
        severity="critical",
        summary="nothing is sent to {{ $labels.connection }}",
        means="The breaker of a connection has been open for 2 minutes: the service failed several "
        "times in a row and is tried again now and then. Records that need it wait.",
        look=_LOOK,
        remedy=_REMEDY,
        call=_SERVICE,
    ),
    Alert(
        name="ClaimxBreakerHalfOpen",
        expr='max by (connection) (claimx_connection_breaker_state{state="half_open"}) == 1',
        wait="1m",
        severity="info",
        summary="{{ $labels.connection }} is tried again, and takes long",
        means="One request tries whether a service works again, and has not been answered for a "
        "minute.",
        look=_LOOK,
        remedy=("None, as a rule: it opens again or closes.",),
        call=_SERVICE,
    ),
    Alert(
        name="ClaimxServiceFailing",
        expr="sum by (connection) (rate(claimx_requests_total{"
        f'status_class=~"{FAILED}"}}[10m])) > 5',
        wait="5m",
        severity="warning",
        summary="{{ $value | humanize }} requests a second to {{ $labels.connection }} fail",
        means="More than 5 requests a second were answered with 5xx or not at all, for 5 minutes.",
        look=_LOOK,
        remedy=_REMEDY,
        call=_SERVICE,
    ),
    Alert(
        name="ClaimxServiceRefuses",
        expr='sum by (connection, endpoint) '
        '(rate(claimx_requests_total{status_class="4xx"}[5m])) / '
        "sum by (connection, endpoint) (rate(claimx_requests_total[5m])) > 0.2",
        wait="5m",
        severity="warning",
        summary="{{ $value | humanizePercentage }} of the requests to {{ $labels.endpoint }} are "
        "refused",
        means="More than a fifth of the requests to an endpoint were answered with 4xx, for 5 "
        "minutes: the credential, what we ask for, or how we ask has changed.",
        look=_LOOK,
        remedy=("401: renew the credential. 404: what events name does not exist there; is it the "
                "right environment? 429: lower `max_concurrent`.",),
        call=_SERVICE,
    ),
    Alert(
        name="ClaimxTokenRenewalFailing",
        expr='sum by (connection) (increase(claimx_token_renewals_total{outcome="failed"}[10m])) '
        '> 0 '
        'unless sum by (connection) '
        '(increase(claimx_token_renewals_total{outcome="renewed"}[10m])) '
        "> 0",
        wait="1m",
        severity="warning",
        summary="the credential of {{ $labels.connection }} cannot be renewed",
        means="An access token, or a credential in a file, could not be renewed in the last 10 "
        "minutes. The one in hand is used until it ends; then requests are refused.",
        look=("The log: `… gets no access token` or `token file …` has the reason.",),
        remedy=("Repair the token service, `oauth2.client_secret`, or the program that writes the "
                "file.",),
        call="The team that issues the credential.",
    ),
    Alert(
        name="ClaimxAnswersChanged",
        expr="sum by (endpoint, kind, field) (claimx_answer_drift_total) unless on "
        "(endpoint, kind, field) (sum by (endpoint, kind, field) "
        "(claimx_answer_drift_total offset 1d))",
        wait="0m",
        severity="warning",
        summary="{{ $labels.field }} of {{ $labels.endpoint }} is {{ $labels.kind }}",
        means="An answer of ClaimX has a field that is not known (`unknown`), or a value that "
        "cannot "
        "be read as what it was (`retyped`), since less than a day. An unknown field is "
        "ignored. A value that cannot be read is null in its column, and the rest of the row is "
        "kept.",
        look=("Panel *Fields that are new or different*; the log has one line for each field.",),
        remedy=("`unknown`: perhaps worth a column: "
                "[add what you need](../../add-an-event-type.md).",
                "`retyped`: tell the developers which field; rows are merged again after a rewind.",
                ),
        call="The developers; and ClaimX, if the change was not announced.",
    ),
)  # fmt: skip
