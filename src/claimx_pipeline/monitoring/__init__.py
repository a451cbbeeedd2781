"""Dashboards for Grafana and alerts for Prometheus: declared here, written out by a command."""
