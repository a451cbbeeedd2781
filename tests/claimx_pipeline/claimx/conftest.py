"""The ClaimX API, imitated by a real server of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from claimx_pipeline.claimx.api import ClaimxApi
from claimx_pipeline.claimx.reader import ClaimxReader
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.claimx import ApiSettings
from tests.fakes.claimx_answers import FakeClaimx
from tests.fakes.hasty_clock import HastyClock
from tests.fakes.http_service import HttpService, http_service


@pytest.fixture
def clock() -> HastyClock:
    return HastyClock()


@pytest.fixture
def claimx() -> FakeClaimx:
    return FakeClaimx()


@pytest.fixture
async def service(claimx: FakeClaimx) -> AsyncIterator[HttpService]:
    async with http_service(claimx) as service:
        yield service


@pytest.fixture
def settings(service: HttpService) -> ApiSettings:
    return ApiSettings(base_url=service.url, token=Secret("dG9r"), max_retries=0)


@pytest.fixture
async def api(settings: ApiSettings, clock: HastyClock) -> AsyncIterator[ClaimxApi]:
    api = ClaimxApi(settings, clock)
    yield api
    await api.close()


@pytest.fixture
def reader(api: ClaimxApi, settings: ApiSettings, clock: HastyClock) -> ClaimxReader:
    return ClaimxReader.of(api, settings, clock)
