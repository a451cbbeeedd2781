"""``python -m claimx_pipeline`` is ``claimx-run``."""

from claimx_pipeline.cli import main

main()
