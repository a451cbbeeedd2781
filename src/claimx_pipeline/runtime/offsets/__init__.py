"""Offsets: what is checked before the first record of a partition, and how it is repaired."""
