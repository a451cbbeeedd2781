"""Stage ``send`` against a real HTTP server: one by one, in batches, and when it fails."""

from types import SimpleNamespace

import pytest
from attrs import define

from claimx_pipeline import SystemClock
from claimx_pipeline.connections.registry import Connections
from claimx_pipeline.runtime.outcome import Dead, Retry
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.stages import Item, SendConfig, SendStage
from tests.fakes.http_service import Reply, http_service


@define
class FakeRecord:
    offset: int = 0
    topic: str = "t"
    partition: int = 0
    headers: tuple = ()


def items(*names: str | None) -> list[Item]:
    return [
        Item(FakeRecord(offset), {}, {"name": name} if name else {})
        for offset, name in enumerate(names)
    ]


async def sent(config: SendConfig, given: list[Item], answer) -> list:
    """Run the stage on *given* and return what the service was asked."""
    async with http_service(answer) as service:
        settings = ConnectionSettings(base_url=service.url, max_retries=0)
        connections = Connections({"crm": settings}, SystemClock())
        stage = SendStage(config)
        await stage.open(SimpleNamespace(connections=connections))
        await stage.process(given)
        await stage.close()
        await connections.close()
        return service.asked


async def test_each_record_is_a_request_with_a_key_that_stays_the_same():
    config = SendConfig(connection="crm", endpoint="/people")
    first = await sent(config, items("ann", "bob"), lambda _: Reply({"ok": 1}))
    again = await sent(config, items("ann", "bob"), lambda _: Reply({"ok": 1}))
    keys = [{one.headers["idempotency-key"] for one in asked} for asked in (first, again)]
    assert keys[0] == keys[1] == {"t/0/0", "t/0/1"}


async def test_what_caused_a_record_is_its_key_wherever_it_lies():
    given = items("ann")
    given[0].record.headers = (("claimx-id", b"caused"),)
    asked = await sent(SendConfig(connection="crm"), given, lambda _: Reply({}))
    assert asked[0].headers["idempotency-key"] == "caused"


async def test_the_answer_stays_with_the_record():
    given = items("ann")
    await sent(SendConfig(connection="crm"), given, lambda _: Reply({"id": 3}, status=201))
    assert given[0].data["response"] == {"status_code": 201, "body": '{"id": 3}'}


async def test_path_and_key_are_filled_from_the_record():
    config = SendConfig(
        connection="crm",
        endpoint="/people/{who}",
        path_params={"who": "name"},
        idempotency_key="p/{name}",
    )
    (asked,) = await sent(config, items("a/b"), lambda _: Reply({}))
    assert (asked.target, asked.headers["idempotency-key"]) == ("/people/a%2Fb", "p/a/b")


async def test_a_missing_field_is_that_records_death_alone():
    config = SendConfig(connection="crm", idempotency_key="p/{name}")
    given = items("ann", None)
    asked = await sent(config, given, lambda _: Reply({}))
    assert len(asked) == 1
    assert given[0].outcome is None
    assert isinstance(given[1].outcome, Dead)


async def test_a_refusal_is_the_records_own_and_a_failure_is_tried_again():
    def answer(asked):
        return Reply(status=422 if asked.json()["name"] == "ann" else 500)

    given = items("ann", "bob")
    await sent(SendConfig(connection="crm"), given, answer)
    assert isinstance(given[0].outcome, Dead)
    assert isinstance(given[1].outcome, Retry)


async def test_a_batch_is_one_request_of_at_most_so_many_records():
    config = SendConfig(connection="crm", batch_size=2, batch_field="people")
    given = items("ann", "bob", "cyd")
    asked = await sent(config, given, lambda _: Reply({}))
    bodies = sorted((one.json() for one in asked), key=lambda body: -body["batch_size"])
    assert bodies == [
        {"people": [{"name": "ann"}, {"name": "bob"}], "batch_size": 2},
        {"people": [{"name": "cyd"}], "batch_size": 1},
    ]
    assert all(item.data["response"]["status_code"] == 200 for item in given)


async def test_the_same_batch_carries_the_same_key_and_another_does_not():
    config = SendConfig(connection="crm", batch_size=5)
    keys = []
    for names in (("ann", "bob"), ("ann", "bob"), ("ann",)):
        (asked,) = await sent(config, items(*names), lambda _: Reply({}))
        keys.append(asked.headers["idempotency-key"])
    assert keys[0] == keys[1] != keys[2]


async def test_a_record_that_cannot_be_sent_does_not_hold_its_batch():
    config = SendConfig(connection="crm", batch_size=5, idempotency_key="{name}")
    given = items("ann", None)
    (asked,) = await sent(config, given, lambda _: Reply({}))
    assert asked.json()["batch_size"] == 1
    assert isinstance(given[1].outcome, Dead)


async def test_a_failed_batch_fails_every_record_in_it():
    given = items("ann", "bob")
    await sent(SendConfig(connection="crm", batch_size=5), given, lambda _: Reply(status=503))
    assert all(isinstance(item.outcome, Retry) for item in given)


def test_a_batch_has_no_path_of_one_record():
    with pytest.raises(ValueError, match="one request per record"):
        SendConfig(connection="crm", batch_size=2, path_params={"a": "b"})


PAGE = Reply(b"<html>Sign in</html>")


@pytest.mark.incident("STR-24")
@pytest.mark.parametrize(
    ("options", "reply", "outcome"),
    [
        ({}, PAGE, None),
        ({}, Reply({"success": False}), None),
        ({"expect": "json"}, PAGE, Retry),
        ({"expect": "json"}, Reply(b"{"), Retry),
        ({"expect": "json"}, Reply(b""), Retry),
        ({"expect": "json"}, Reply(b"", 204), None),
        ({"expect": "json"}, Reply([1]), None),
        ({"expect": "json"}, Reply({"success": False}), None),
        ({"success_field": "ok"}, Reply({"ok": True}), None),
        ({"success_field": "ok"}, Reply({"ok": "No", "message": "sold out"}), Dead),
        ({"success_field": "ok"}, Reply({}), Retry),
        ({"success_field": "ok"}, Reply(b"", 204), Retry),
        ({"success_field": "ok"}, PAGE, Retry),
    ],
)
async def test_what_counts_as_a_yes_is_for_the_settings_to_say(options, reply, outcome):
    given = items("ann")
    await sent(SendConfig(connection="crm", **options), given, lambda _: reply)
    assert type(given[0].outcome) is (outcome or type(None))
    if outcome is Dead:
        assert "sold out" in str(given[0].outcome.error)
