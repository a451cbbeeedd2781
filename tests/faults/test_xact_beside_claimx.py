"""ClaimX and the example's domain beside each other, under kills and outages."""

import pytest

from claimx_pipeline import operations
from claimx_pipeline.simulator.faults import Fault
from tests.rigs.xact import Both, both_domains

EVENTS = 60
KILLS = 3

CREWS = {"one process": [("up",)], "apart": [("worker", "claimx"), ("worker", "xact")]}


async def killed(both: Both, crew: list[tuple[str, ...]]) -> None:
    """Run the processes of *crew*, and kill all of them again and again while they work."""
    for number in range(1, KILLS + 1):
        wanted = number * EVENTS // (KILLS + 1)

        async def got_on(wanted: int = wanted) -> bool:
            return all(count >= wanted for count in (await both.logged()).values())

        running = [both.start(*arguments) for arguments in crew]
        await both.until(got_on)
        for each in running:
            both.kill(each)


@pytest.mark.parametrize("crew", CREWS.values(), ids=CREWS)
async def test_killed_domains_end_with_the_contents_of_a_quiet_run(tmp_path, crew):
    async with both_domains(tmp_path / "quiet", tmp_path / "killed") as (quiet, attacked):
        await quiet.publish(EVENTS)
        await quiet.finish("claimx", "xact")
        await attacked.publish(EVENTS)
        await killed(attacked, crew)
        await attacked.finish("claimx", "xact")
        for domain in ("claimx", "xact"):
            assert await attacked.contents(domain) == await quiet.contents(domain)
        assert attacked.stored() == quiet.stored()
        counted = quiet.rows("SELECT count(*) AS n FROM xact_attachments WHERE status='completed'")
        assert counted[0]["n"] > 0


async def test_claimx_unavailable_leaves_xact_untouched(tmp_path):
    async with both_domains(tmp_path / "both") as (both,):
        both.simulator.faults.add(Fault(kind="error"))
        await both.publish(EVENTS)
        running = both.start("up")

        async def settled() -> bool:
            rows = both.rows("SELECT count(*) AS n FROM xact_event_log")
            return rows[0]["n"] == EVENTS

        await both.until(settled)
        assert running.process.poll() is None
        assert both.rows("SELECT * FROM claimx_projects") == []
        both.simulator.faults.clear()
        assert running.stop(timeout=60) == 0
        await both.finish("claimx", "xact")
        dead = await operations.look_at_dead_letters(
            both.pipeline, operations.dead_letter_filter(both.pipeline, worker="xact")
        )
        assert dead.groups.count == 0


async def test_the_host_of_xact_unavailable_leaves_claimx_untouched(tmp_path):
    async with both_domains(tmp_path / "both") as (both,):
        await both.files.close()
        await both.publish(EVENTS)
        running = both.start("up")

        async def settled() -> bool:
            rows = both.rows("SELECT count(*) AS n FROM claimx_event_log")
            files = both.rows(
                "SELECT count(*) AS n FROM claimx_attachment_metadata m LEFT JOIN "
                "claimx_attachments a ON a.media_id = m.media_id WHERE a.status IS NULL"
            )
            return rows[0]["n"] == EVENTS and files[0]["n"] == 0

        await both.until(settled)
        assert running.stop(timeout=60) == 0
        stored = both.rows("SELECT DISTINCT status FROM claimx_attachments")
        assert stored == [{"status": "completed"}]
        assert both.rows("SELECT * FROM xact_attachments WHERE status='completed'") == []


async def test_dead_letters_of_xact_are_found_and_replayed_once_their_host_is_allowed(tmp_path):
    async with both_domains(tmp_path / "both") as (both,):
        link = f"http://{both.files.host}/f.pdf"
        wrong = {"traceId": "t2", "type": "a.b"}
        good = {**wrong, "traceId": "t1", "utcDateTime": "2026-01-12T09:00:00Z"}
        good["data"] = {"assignmentId": "A", "attachments": [link]}
        config = both.folder / "claimx.yaml"
        text = config.read_text()
        refused = text.replace(f', "{both.files.host}"', "")
        assert refused != text
        config.write_text(refused)
        before = operations_of(config, both)
        await operations.publish(before, "xact.events.raw", [good, wrong], keys=["t1", "t2"])
        await operations.run_until_idle(before, "xact")
        (row,) = both.rows("SELECT status, error FROM xact_attachments")
        assert row["status"] == "failed_permanent"
        assert "refused" in row["error"]

        def of(name: str):
            return operations.dead_letter_filter(both.pipeline, worker=name)

        look = await operations.look_at_dead_letters(both.pipeline, of("xact"))
        assert look.groups.count == 3  # the record without a time at ingest and events, the file
        assert (
            await operations.look_at_dead_letters(both.pipeline, of("claimx"))
        ).groups.count == 0
        plan = await operations.plan_replay(both.pipeline, of("xact-download"))
        await operations.replay_dead_letters(both.pipeline, plan)
        await both.finish("xact")
        assert both.rows("SELECT status FROM xact_attachments") == [{"status": "completed"}]


def operations_of(config, both: Both):
    """Return the pipeline as its settings are now."""
    return type(both.pipeline).load(config, environ={}, cwd=both.folder)
