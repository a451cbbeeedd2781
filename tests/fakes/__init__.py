"""Stand-ins for what the product talks to, that do what a test says."""
