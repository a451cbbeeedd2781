"""An installation of an earlier version, and what has to become of it."""
