"""Attacks on whole pipelines, and how their results are judged."""
