"""What hooks are called with and what they may return."""
