"""Delta Lake: what tables are, how rows get into them, how they are read."""
