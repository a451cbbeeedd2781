"""Every setting of the core, with its default and its meaning: one file a section.

The classes hold values only: reading files and the environment is ``loading``'s work.
Units are in the names. ``claimx-run config show`` and ``config schema`` are made from here.
"""
