"""Alerts when a claim's photo was taken inside a zone."""
