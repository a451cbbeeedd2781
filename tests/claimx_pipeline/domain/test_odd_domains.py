"""What strangers' domains do wrong: said where it is registered, or one record's failure."""

from datetime import datetime

import msgspec
import pytest
from attrs import define, evolve

from claimx_pipeline import ClaimxError, Plugin, hookimpl
from claimx_pipeline.claimx.domain import CLAIMX
from claimx_pipeline.domain import NO_PAYLOAD, RowsByKind, rows_of
from claimx_pipeline.errors import PluginLoadError
from claimx_pipeline.plugins.host.domain_checks import check_domains
from claimx_pipeline.plugins.host.heard_domains import domains_of, unheard
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from claimx_pipeline.settings.tree.settings import Settings
from tests.rigs.second_domain import ACME, JOBS, JobHandler, raw
from tests.rigs.second_domain import decode as well

RAW = "acme.events.raw"


class NoExceptionError(BaseException):
    """What the usual guard lets pass."""


CHANGED = {
    "id": lambda event: evolve(event, event_id=None),
    "key": lambda event: evolve(event, job_id=7),
    "naive": lambda event: evolve(event, ingested_at=event.ingested_at.replace(tzinfo=None)),
    "bytes": lambda event: evolve(event, payload=b"{}"),
    "none": lambda event: None,
    "dict": lambda event: {"event_id": event.event_id},
    "bug": lambda event: raises(KeyError("odd")),
    "exit": lambda event: raises(SystemExit(3)),
    "base": lambda event: raises(NoExceptionError("odd")),
}
"""What the event's field ``odd`` asks for, to what is made of it."""


def raises(error):
    raise error


def odd_decode(value, timestamp_ms, origin=None, now=None):
    event = well(value, timestamp_ms)
    odd = msgspec.json.decode(value).get("odd")
    return CHANGED[odd](event) if odd else event


class Odd(Plugin):
    name = "odd"

    @hookimpl
    def claimx_register_domains(self):
        return [evolve(ACME, decoder=lambda settings: odd_decode)]


MISTAKES = {
    "bug": "failed, which is a defect of it: KeyError: 'odd'",
    "exit": "failed, which is a defect of it: SystemExit: 3",
    "base": "failed, which is a defect of it: NoExceptionError: odd",
    "none": "returned NoneType instead of AcmeEvent, which is a defect of it",
    "dict": "returned dict instead of AcmeEvent, which is a defect of it",
    "id": "returned an event whose 'event_id' is of NoneType instead of str",
    "key": "returned an event whose 'key' is of int instead of str",
    "naive": "returned an event whose 'ingested_at' has no time zone",
    "bytes": "returned an event whose 'payload' is of bytes instead of Raw",
}


def test_a_mistake_of_a_decoder_is_the_failure_of_one_record(claimx_sandbox):
    claimx_sandbox.install(Odd)
    odd = [raw(n, "j1", "OPENED", odd=what) for n, what in enumerate(MISTAKES, 2)]
    claimx_sandbox.publish(RAW, raw(1, "j1", "OPENED"), *odd, raw(99, "j1", "CLOSED"), key="k")
    claimx_sandbox.run("acme")
    dead = [DeadLetter.read(each) for each in claimx_sandbox.records("acme.events.dlq")]
    for worker in ("acme-ingest", "acme-events"):
        of_worker = [each for each in dead if each.worker == worker]
        for each, said in zip(of_worker, MISTAKES.values(), strict=True):
            assert each.error.startswith(f"the decoder of domain 'acme' {said}")
            assert each.category == "bug"
    assert claimx_sandbox.records("acme.entities.dlq") == [], "a dead letter brings no other"
    for table in ("acme_events", "acme_event_log"):
        assert {row["event_id"] for row in claimx_sandbox.rows(table)} == {"a1", "a99"}


def test_a_decoder_that_cannot_be_made_is_said_in_a_sentence():
    def no_decoder(settings):
        raise KeyError("odd")

    with pytest.raises(ClaimxError, match="domain 'acme' cannot make its decoder: KeyError: 'odd'"):
        evolve(ACME, decoder=no_decoder).reading(Settings())
    with pytest.raises(ClaimxError, match="returned a NoneType, not a function"):
        evolve(ACME, decoder=lambda settings: None).reading(Settings())


@define
class NoKey:
    event_id: str
    event_type: str
    ingested_at: datetime
    id_has_time: bool = False
    payload: msgspec.Raw = NO_PAYLOAD


@define
class Created(NoKey):
    created_at: str = ""
    key: str = ""


@rows_of([evolve(JOBS, name="tasks")])
class OtherRows(RowsByKind):
    pass


UNUSABLE = {
    "registers 'acme' as a domain": lambda: ["acme"],
    "registers domain 'acme', which plugin 'bringing' has": lambda: [ACME, ACME],
    "registers domain 'claimx', which plugin 'core' has": lambda: [evolve(ACME, name="claimx")],
    "a domain cannot be called 'Acme'": lambda: [evolve(ACME, name="Acme")],
    "a domain cannot be called None": lambda: [evolve(ACME, name=None)],
    "'download' has the name of workers": lambda: [evolve(ACME, name="download")],
    "cannot have the worker_prefix 'A B/'": lambda: [evolve(ACME, worker_prefix="A B/")],
    "cannot have the key_name 'log'": lambda: [evolve(ACME, key_name="log")],
    "cannot have the key_name 'a b'": lambda: [evolve(ACME, key_name="a b")],
    "cannot have the key_name 'kind'": lambda: [evolve(ACME, key_name="kind")],
    "without the column 'other_id'": lambda: [evolve(ACME, key_name="other_id")],
    "which is not an attrs class": lambda: [evolve(ACME, event=object)],
    "an event class without 'key'": lambda: [evolve(ACME, event=NoKey)],
    "a field 'created_at'": lambda: [evolve(ACME, event=Created)],
    "has two kinds of entity 'jobs'": lambda: [evolve(ACME, kinds=(JOBS, JOBS))],
    "rows of the kinds tasks and the kinds jobs": lambda: [evolve(ACME, rows=OtherRows)],
    "make a subclass of RowsByKind": lambda: [evolve(ACME, rows=dict)],
    "has two tables 'acme_events'": lambda: [evolve(ACME, tables=(ACME.events_table,))],
    "both have a table 'acme_events'": lambda: [
        ACME,
        evolve(ACME, name="b", worker_prefix="b-"),
    ],
}


@pytest.mark.parametrize("said", UNUSABLE)
def test_a_domain_that_cannot_be_used_is_said_in_one_sentence(said):
    with pytest.raises((ClaimxError, ValueError)) as caught:
        check_domains([("core", CLAIMX), *(("bringing", each) for each in UNUSABLE[said]())])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


class Bringing(Plugin):
    name = "bringing"
    answer = staticmethod(list)

    @hookimpl
    def claimx_register_domains(self):
        return self.answer()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda: raises(RuntimeError("boom")), "claimx_register_domains: RuntimeError: boom"),
        (lambda: raises(SystemExit(3)), "claimx_register_domains: SystemExit: 3"),
        (lambda: ACME, "claimx_register_domains: it returned Domain("),
        (lambda: (raises(KeyError(each)) for each in [1]), "claimx_register_domains: KeyError: 1"),
        (lambda: ["acme"], "registers 'acme' as a domain"),
    ],
)
def test_a_hook_that_fails_is_said_in_one_sentence(claimx_sandbox, monkeypatch, answer, said):
    claimx_sandbox.install(Bringing)
    monkeypatch.setattr(Bringing, "answer", staticmethod(answer))
    with pytest.raises(ClaimxError, match="plugin 'bringing' ") as caught:
        claimx_sandbox.pipeline.check()
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["class", "None", "_jobs", "__jobs", "items", "a-b", ""])
def test_a_kind_has_a_name_that_an_attribute_can_have(name):
    with pytest.raises(ValueError, match="cannot be called"):
        rows_of([evolve(JOBS, name=name)])


def test_two_kinds_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two entity kinds 'jobs'"):
        rows_of([JOBS, JOBS])


class Handling(Plugin):
    name = "handling"

    @hookimpl
    def claimx_register_handlers(self):
        handler = JobHandler()
        handler.domain = "nope"
        return [handler]


def test_a_handler_of_no_loaded_domain_is_reported_before_a_worker_starts(claimx_sandbox):
    claimx_sandbox.install(Handling)
    problems = [each.what for each in claimx_sandbox.pipeline.check()]
    assert any("is for domain 'nope', which is not loaded" in each for each in problems)


class Listening(Plugin):
    name = "listening"

    def execute(self, context):
        return None


def listening(domains):
    return [("p", type("Of", (Listening,), {"domains": domains})())]


@pytest.mark.parametrize(
    ("domains", "named"), [(("xact",), "only 'xact'"), ("xact", "only 'xact'"), ((), "none")]
)
def test_a_plugin_of_no_loaded_domain_is_a_warning(domains, named):
    (warning,) = unheard(listening(domains), ["claimx"])
    assert warning.where == "plugins.p"
    assert warning.what.startswith(f"its 'domains' name {named}, and loaded are claimx")


@pytest.mark.parametrize("domains", [None, "claimx", ("claimx", "xact"), ["claimx"]])
def test_a_plugin_of_a_loaded_domain_or_of_all_is_none(domains):
    assert list(unheard(listening(domains), ["claimx"])) == []


@pytest.mark.parametrize("domains", [5, {"claimx": 1}, [7], lambda: ("claimx",)])
def test_domains_that_are_no_names_are_refused(domains):
    ((_, plugin),) = listening(domains)
    with pytest.raises(ClaimxError, match="write the names of domains"):
        domains_of(plugin)


def test_config_check_warns_of_a_plugin_that_hears_of_nothing(claimx_sandbox, monkeypatch):
    monkeypatch.setattr(Listening, "domains", ("xact",))
    claimx_sandbox.install(Listening)
    assert "plugins.listening" in [each.where for each in claimx_sandbox.pipeline.warnings]


def test_domains_that_are_no_names_fail_the_loading_of_a_plugin(claimx_sandbox, monkeypatch):
    monkeypatch.setattr(Listening, "domains", 5)
    with pytest.raises(PluginLoadError, match="'domains' are 5; write the names of domains"):
        _ = claimx_sandbox.install(Listening) or claimx_sandbox.pipeline
