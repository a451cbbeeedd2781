"""ClaimX: its events, its API, and the rows that its answers become."""
