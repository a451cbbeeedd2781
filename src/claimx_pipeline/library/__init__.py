"""The package as programs and notebooks use it: a pipeline with what they do most."""
