"""The settings: the tree of them, where they come from, and how they are shown."""
