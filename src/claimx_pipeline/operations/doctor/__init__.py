"""Examines an installation and says what is wrong, each with its remedy."""
