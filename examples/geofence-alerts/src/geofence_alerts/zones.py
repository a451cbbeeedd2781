"""Zones on the earth, and whether a place is in one."""

from __future__ import annotations

import math

from attrs import field, frozen
from attrs.validators import and_, ge, gt, le

EARTH_RADIUS_KM = 6371.0088
"""Mean radius, IUGG."""


@frozen(kw_only=True)
class Zone:
    """A circle on the earth's surface."""

    name: str
    latitude: float = field(validator=and_(ge(-90), le(90)))
    """Degrees north of the centre."""
    longitude: float = field(validator=and_(ge(-180), le(180)))
    """Degrees east of the centre."""
    radius_km: float = field(validator=gt(0))

    def holds(self, latitude: float, longitude: float) -> bool:
        """Tell whether a place, in degrees, lies inside or on the edge."""
        return distance_km(self.latitude, self.longitude, latitude, longitude) <= self.radius_km


def distance_km(north: float, east: float, other_north: float, other_east: float) -> float:
    """Return the distance of two places on the surface, by the haversine formula.

    Args:
        north: Latitude of the one, degrees.
        east: Its longitude, degrees.
        other_north: Latitude of the other, degrees.
        other_east: Its longitude, degrees.
    """
    phi, other_phi = math.radians(north), math.radians(other_north)
    half_north = math.radians(other_north - north) / 2
    half_east = math.radians(other_east - east) / 2
    chord = math.sin(half_north) ** 2 + (
        math.cos(phi) * math.cos(other_phi) * math.sin(half_east) ** 2
    )
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))
