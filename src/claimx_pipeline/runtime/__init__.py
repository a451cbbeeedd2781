"""What drives every worker: one loop, one settlement, one way to start and stop."""
