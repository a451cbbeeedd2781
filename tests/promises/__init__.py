"""Tests of what the project promises about itself."""
