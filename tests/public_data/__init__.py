"""Data sets by others, read from the folder that ``CLAIMX_PUBLIC_DATA`` names."""
