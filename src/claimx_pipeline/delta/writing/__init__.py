"""Writing tables: appends once per key, merges, and the positions stored in commits."""
