"""Templates of the package that ``claimx-run plugins new`` writes."""
