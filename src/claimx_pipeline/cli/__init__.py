"""``claimx-run``: the command line. One file per command; each is imported when it is run."""

from claimx_pipeline.cli.main import main

__all__ = ["main"]
