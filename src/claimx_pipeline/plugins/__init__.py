"""Plugins: how they are found and loaded, what they may return, and who calls them."""
