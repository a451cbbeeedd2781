from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.claimx.links import ClaimxLinks
from claimx_pipeline.connections.answer import Answered
from claimx_pipeline.media.links import CurrentLink, DeadLinkError, LinkTimes, times_of
from claimx_pipeline.media.messages import DownloadTask
from tests.fakes.hasty_clock import HastyClock

SIGNED = datetime(2026, 1, 12, 8, tzinfo=UTC)
MILLISECONDS = int(SIGNED.timestamp() * 1000)
DAY = timedelta(days=1)


def claimx(signed: datetime = SIGNED, holds: timedelta = DAY) -> str:
    date, expires = int(signed.timestamp() * 1000), int(holds.total_seconds() * 1000)
    return (
        f"https://www.claimxperience.com/service/x/a.jpg?systemDate={date}&expires={expires}&sign=s"
    )


KNOWN = {
    "ClaimX": claimx(),
    "ClaimX, other order": f"https://h/a?expires=86400000&x=1&systemDate={MILLISECONDS}",
    "S3": "https://h/a?X-Amz-Date=20260112T080000Z&X-Amz-Expires=86400&X-Amz-Signature=s",
    "S3 in lower case": "https://h/a?x-amz-date=20260112T080000Z&x-amz-expires=86400",
    "both": f"{claimx()}&X-Amz-Date=20200101T000000Z&X-Amz-Expires=1",
}

UNKNOWN = {
    "no query": "https://h/a.jpg",
    "half of ClaimX": f"https://h/a?systemDate={MILLISECONDS}",
    "half of S3": "https://h/a?X-Amz-Expires=86400",
    "ClaimX in other case": f"https://h/a?systemdate={MILLISECONDS}&Expires=86400000",
    "no number": "https://h/a?systemDate=soon&expires=86400000",
    "not a day": "https://h/a?X-Amz-Date=20261345T080000Z&X-Amz-Expires=86400",
    "ends before it begins": f"https://h/a?systemDate={MILLISECONDS}&expires=-1",
    "ends as it begins": f"https://h/a?systemDate={MILLISECONDS}&expires=0",
    "beyond the calendar": "https://h/a?systemDate=999999999999999&expires=999999999999999",
    "other digits": "https://h/a?systemDate=١٢٣&expires=1000",
}


@pytest.mark.parametrize("form", KNOWN)
def test_both_forms_say_from_when_to_when_they_hold(form):
    assert times_of(KNOWN[form]) == LinkTimes(SIGNED, SIGNED + DAY)


@pytest.mark.parametrize("form", UNKNOWN)
def test_what_does_not_say_is_not_judged(form):
    assert times_of(UNKNOWN[form]) is None


@given(st.text())
def test_any_text_is_read_or_left(text):
    times_of(text)
    times_of(f"https://h/?{text}")
    times_of(f"https://h/?systemDate={text}&expires={text}&X-Amz-Date={text}")


@pytest.mark.incident("MED-02")
def test_a_link_ends_at_its_last_moment():
    times = LinkTimes(SIGNED, SIGNED + DAY)
    assert times.ended(SIGNED + DAY)
    assert not times.ended(SIGNED + DAY - timedelta(milliseconds=1))
    assert str(times) == "signed at 2026-01-12 08:00:00 UTC and holds until 2026-01-13 08:00:00 UTC"


@pytest.mark.incident("MED-02")
@pytest.mark.parametrize("skew", [-120, 0, 120])
@pytest.mark.parametrize("left", [301, 3600])
def test_clocks_that_differ_by_two_minutes_misjudge_no_link_with_five_left(skew, left):
    times = LinkTimes(SIGNED, SIGNED + DAY)
    assert not times.ended(SIGNED + DAY - timedelta(seconds=left) + timedelta(seconds=skew))


class Api:
    """Answers as the media endpoint does, with the links it is given."""

    def __init__(self, *bodies: list[dict]) -> None:
        self.bodies = list(bodies)
        self.asked: list[tuple] = []

    async def media(self, project_id, media_ids):
        self.asked.append((project_id, media_ids))
        return Answered(self.bodies.pop(0), SIGNED)


def current(api: Api, link: str, clock: HastyClock, **changes) -> CurrentLink:
    given = {
        "media_id": "5",
        "project_id": "7",
        "event_id": "e",
        "blob_path": "p",
        "created_at": SIGNED,
    }
    task = DownloadTask(**{**given, "download_url": link, **changes})
    return CurrentLink(task, ClaimxLinks(api), clock)


async def test_a_link_that_holds_is_used_without_a_question():
    api, clock = Api(), HastyClock(SIGNED + DAY - timedelta(seconds=1))
    assert await current(api, claimx(), clock).fresh() == claimx()
    assert api.asked == []


@pytest.mark.parametrize("key", ["mediaID", "mediaId"])
@pytest.mark.parametrize("media_id", [5, "5"])
async def test_the_file_is_found_among_others_in_either_spelling(key, media_id):
    new = claimx(SIGNED + DAY)
    others = [{"mediaID": 50, "fullDownloadLink": "https://other"}, {"unrelated": 1}]
    api, clock = Api([*others, {key: media_id, "fullDownloadLink": new}]), HastyClock(SIGNED + DAY)
    assert await current(api, claimx(), clock).fresh() == new
    assert api.asked == [(7, [5])]


@pytest.mark.incident("LAT-09")
@pytest.mark.parametrize(
    "item",
    [
        {},
        {"mediaID": 5},
        {"mediaID": 5, "fullDownloadLink": None},
        {"mediaID": 5, "full_download_link": "https://x"},
    ],
)
async def test_a_file_without_a_link_is_dead(item):
    api, clock = Api([item] if item else []), HastyClock(SIGNED + DAY)
    with pytest.raises(
        DeadLinkError,
        match="has no link.*signed at 2026-01-12 08:00:00 UTC and holds until 2026-01-13",
    ):
        await current(api, claimx(), clock).fresh()


@pytest.mark.incident("MED-02")
async def test_a_new_link_that_has_ended_as_well_is_dead():
    api = Api([{"mediaID": 5, "fullDownloadLink": claimx(SIGNED - DAY)}])
    with pytest.raises(DeadLinkError, match="and so has the new one.*signed at 2026-01-11"):
        await current(api, claimx(), HastyClock(SIGNED + DAY)).fresh()
    assert len(api.asked) == 1


@pytest.mark.incident("MED-02")
@pytest.mark.parametrize("ids", [{"media_id": "scan-1"}, {"project_id": "p1"}, {"media_id": "-5"}])
async def test_a_link_of_others_cannot_be_renewed_and_its_error_tells_both_times(ids):
    api = Api()
    with pytest.raises(DeadLinkError, match="signed at .* and holds until"):
        await current(api, claimx(), HastyClock(SIGNED + DAY), **ids).fresh()
    assert api.asked == []


async def test_after_bytes_came_a_link_may_be_renewed_again():
    bodies = [[{"mediaID": 5, "fullDownloadLink": claimx(SIGNED + DAY * n)}] for n in (1, 2)]
    clock, api = HastyClock(SIGNED + DAY), Api(*bodies)
    link = current(api, claimx(), clock)
    await link.fresh()
    with pytest.raises(DeadLinkError):
        await link.renew("it was refused")
    link.worked()
    clock.move(DAY.total_seconds())
    assert await link.fresh() == claimx(SIGNED + DAY * 2)
    assert link.renewals == 2
