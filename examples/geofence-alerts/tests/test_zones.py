"""Distances and zones."""

import pytest
from geofence_alerts.zones import Zone, distance_km


def test_a_degree_of_latitude_is_about_111_km():
    assert distance_km(0, 0, 1, 0) == pytest.approx(111.195, abs=0.01)


def test_the_other_side_of_the_earth_is_half_its_girth_away():
    assert distance_km(10, 20, -10, -160) == pytest.approx(20015.1, abs=0.1)


def test_a_zone_reaches_over_the_date_line():
    zone = Zone(name="fiji", latitude=-17, longitude=179.9, radius_km=50)
    assert zone.holds(-17, -179.9)
    assert not zone.holds(-17, -179)


def test_a_zone_without_an_extent_is_refused():
    with pytest.raises(ValueError, match="radius_km"):
        Zone(name="nowhere", latitude=0, longitude=0, radius_km=0)
