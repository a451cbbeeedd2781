"""What ``claimx-run init`` writes."""
