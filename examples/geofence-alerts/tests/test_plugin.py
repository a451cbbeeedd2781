"""The plugin alone, and in a whole pipeline."""

from geofence_alerts.plugin import GeofenceAlerts, GeofenceConfig
from geofence_alerts.zones import Zone

from claimx_pipeline.testing import PluginContract

EVERYWHERE = Zone(name="everywhere", latitude=0, longitude=0, radius_km=21_000)


class TestContract(PluginContract):
    """What every plugin has to keep."""

    def make_plugin(self):
        return GeofenceAlerts(GeofenceConfig(zones=(EVERYWHERE,)))


SETTINGS = """\
connections:
  alarm_centre: {{base_url: "{url}"}}
plugins:
  geofence_alerts:
    config:
      connection: alarm_centre
      path: /webhooks/alerts
      zones:
        - {{name: everywhere, latitude: 0, longitude: 0, radius_km: 21000}}
"""


def test_a_photo_in_a_zone_is_a_row_and_a_call(claimx_sandbox):
    simulator = claimx_sandbox.simulator
    claimx_sandbox.configure(SETTINGS.format(url=simulator.url))
    claimx_sandbox.happen(60)
    claimx_sandbox.run("ingest", "enrichment", "entities", "actions", "geofence-alerts")
    placed = "SELECT media_id FROM claimx_attachment_metadata WHERE latitude IS NOT NULL"
    expected = sorted(row["media_id"] for row in claimx_sandbox.rows(placed))
    alerts = claimx_sandbox.rows("geofence_alerts")
    assert sorted(row["media_id"] for row in alerts) == expected != []
    called = [request.json() for request in simulator.requests.find(path="/webhooks/alerts")]
    assert sorted(body["media_id"] for body in called) == expected
    assert claimx_sandbox.dead_letters() == []
