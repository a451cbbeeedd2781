import copy
import os
import pickle
from pathlib import Path

import pytest

from claimx_pipeline.errors import SettingsError
from claimx_pipeline.settings.loading.unresolved import Missing, Unresolved, UnresolvedSetting

SETTING = UnresolvedSetting(("tables", "root"), "claimx.yaml:3", (Missing("LAKE", "is not set"),))


@pytest.fixture
def gap():
    return Unresolved(SETTING)


@pytest.mark.incident("DEL-08")
@pytest.mark.parametrize(
    "use",
    [
        str,
        "{}".format,
        lambda gap: f"{gap}/x",
        "%s".__mod__,
        os.fspath,
        Path,
        os.makedirs,
        open,
        bool,
        int,
        float,
        len,
        list,
        hash,
        lambda gap: gap + "/x",
        lambda gap: "x" + gap,
        lambda gap: gap == "x",
        lambda gap: gap != "x",
        lambda gap: gap > 1,
        lambda gap: gap < 1,
        lambda gap: "x" in gap,
        lambda gap: gap[0],
        lambda gap: gap.startswith("s3://"),
        lambda gap: gap.reveal(),
        lambda gap: Path("x") / gap,
        lambda gap: {gap: 1},
    ],
)
def test_whatever_uses_an_unresolved_setting_raises_what_is_missing(
    gap, use, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"claimx.yaml:3: tables.root: LAKE is not set"):
        use(gap)
    assert list(tmp_path.iterdir()) == []


def test_a_gap_can_be_looked_at_and_carried_about(gap):
    assert repr([gap]) == "[<unresolved: LAKE>]"
    assert gap is not None
    assert repr(copy.deepcopy(gap)) == repr(pickle.loads(pickle.dumps(gap))) == repr(gap)


def test_a_setting_that_waits_names_its_variables():
    assert (SETTING.path, SETTING.variables) == ("tables.root", ("LAKE",))
