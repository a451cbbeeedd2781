"""Finds and loads plugins, calls them, and carries out what they answer."""
