"""Stage ``lookup``: one GET per record, against a real HTTP server."""

import time

import pytest
from attrs import define, evolve

from claimx_pipeline import SettingsError, SystemClock
from claimx_pipeline.connections.registry import Connections
from claimx_pipeline.runtime.outcome import Dead, Retry
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.stages import Item, LookupConfig, LookupStage
from tests.fakes.http_service import Reply, http_service


@define
class ReadNow:
    """A record published a while ago, so that what is asked now is fresh."""

    timestamp: int = 0


@define
class Only:
    """The resources that a lookup uses."""

    connections: Connections
    clock: SystemClock


def item(timestamp: int = 0, **data) -> Item:
    return Item(ReadNow(timestamp), dict(data), dict(data))


@pytest.fixture
async def service():
    async with http_service(lambda asked: Reply({"path": asked.path})) as running:
        yield running


async def opened(service, **options) -> tuple[LookupStage, Connections]:
    settings = ConnectionSettings(base_url=service.url, max_retries=0)
    connections = Connections({"api": settings}, SystemClock())
    config = {"connection": "api", "endpoint": "/t/{id}", "path_params": {"id": "task.id"}}
    stage = LookupStage(LookupConfig(**{**config, **options}))
    await stage.open(Only(connections, SystemClock()))
    return stage, connections


async def looked_up(service, *items: Item, **options) -> list[Item]:
    stage, connections = await opened(service, **options)
    await stage.process(items)
    await connections.close()
    return list(items)


async def test_the_answer_goes_into_the_result_field(service):
    (done,) = await looked_up(service, item(task={"id": 7}), result_field="found")
    assert done.data["found"] == {"path": "/t/7"}
    assert done.outcome is None


async def test_ids_are_encoded_into_the_path(service):
    await looked_up(service, item(task={"id": "a/b c?d"}))
    assert service.asked[0].target.startswith("/t/a%2Fb%20c%3Fd")


async def test_query_parameters_may_name_fields(service):
    await looked_up(
        service, item(task={"id": 1}, kind="x"), query_params={"full": "true", "k": "{kind}"}
    )
    assert service.asked[0].query == {"full": ["true"], "k": ["x"]}


async def test_one_key_is_asked_once_for_many_records(service):
    await looked_up(service, *(item(task={"id": 7}) for _ in range(20)), item(task={"id": 8}))
    assert sorted(service.paths()) == ["GET /t/7", "GET /t/8"]


async def test_an_answer_older_than_the_record_is_asked_for_again(service):
    """ASSIGNED and COMPLETED within the cache's time must give two right rows."""
    stage, connections = await opened(service)
    await stage.process([item(task={"id": 7})])
    await stage.process([item(int(time.time() * 1000) + 1000, task={"id": 7})])
    await stage.process([item(task={"id": 7})])
    await connections.close()
    assert len(service.asked) == 2


@pytest.mark.parametrize(("status", "outcome"), [(404, Dead), (503, Retry), (401, Retry)])
async def test_a_failed_lookup_fails_its_record_alone(service, status, outcome):
    service.answer = lambda asked: Reply({}, status=status if asked.path == "/t/1" else 200)
    bad, good = await looked_up(service, item(task={"id": 1}), item(task={"id": 2}))
    assert isinstance(bad.outcome, outcome)
    assert good.outcome is None


async def test_a_failed_lookup_may_be_left_out(service, caplog):
    service.answer = lambda _: Reply({}, status=404)
    (done,) = await looked_up(service, item(task={"id": 1}), on_error="log_and_continue")
    assert done.outcome is None
    assert done.data["lookup_result"] is None
    assert "1 of 1 lookups failed, the records go on without" in caplog.text


async def test_a_record_without_the_field_to_look_up_by_is_dead(service):
    (done,) = await looked_up(service, item(other=1))
    assert isinstance(done.outcome, Dead)
    assert "field 'task.id' is missing" in str(done.outcome.error)
    assert service.asked == []


async def test_an_unknown_connection_stops_the_start(service):
    with pytest.raises(
        SettingsError, match="connections.nobody: is not set; known connections: api"
    ):
        await opened(service, connection="nobody")


async def test_lookups_of_one_process_share_their_answers(service):
    stage, connections = await opened(service)
    others = [
        LookupStage(stage.config),
        LookupStage(evolve(stage.config, on_error="continue_and_return")),
    ]
    apart = [
        LookupStage(evolve(stage.config, on_error="log_and_continue")),
        LookupStage(evolve(stage.config, cache_ttl=5.0)),
    ]
    for each in (*others, *apart):
        await each.open(Only(connections, SystemClock()))
    await stage.process([item(task={"id": 7})])
    for each in others:
        await each.process([item(task={"id": 7})])
    assert len(service.asked) == 1
    for each in apart:
        await each.process([item(task={"id": 7})])
    await connections.close()
    assert len(service.asked) == 3
