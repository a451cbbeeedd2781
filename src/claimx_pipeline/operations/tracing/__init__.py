"""Finds every station of an event, and where it is now."""
