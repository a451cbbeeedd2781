"""Data sets that others publish, run as tests where ``CLAIMX_PUBLIC_DATA`` names their folder."""
