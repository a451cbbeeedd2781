"""The embedded broker: topics, groups and offsets in one SQLite file."""
