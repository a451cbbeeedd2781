from concurrent.futures import ThreadPoolExecutor

from attrs import evolve

from claimx_pipeline.delta.schemas import configuration
from claimx_pipeline.delta.spec import LONG, STRING, Column
from tests.rigs.delta_tables import EVENTS, make_store


def test_statistics_are_kept_of_keys_and_times_but_not_of_partitions():
    spec = evolve(EVENTS, partition_by=("day",), key=("event_id", "day"))
    assert configuration(spec)["delta.dataSkippingStatsColumns"] == "event_id,at,made_at"


def test_two_workers_may_add_the_same_column_at_once(tmp_path):
    make_store(tmp_path)
    wider = evolve(EVENTS, columns=(*EVENTS.columns, Column("a", STRING), Column("b", LONG)))
    stores = [make_store(tmp_path, {"events": wider}, created=False) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda store: store.check("events"), stores))
    assert stores[0].check("events") == ()
