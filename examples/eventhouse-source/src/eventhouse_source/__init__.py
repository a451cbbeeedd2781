"""Events from a Kusto table."""
