"""Our tables, opened by the readers of others."""
