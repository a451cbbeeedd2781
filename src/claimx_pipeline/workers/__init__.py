"""The workers, one file each, in the order in which an event meets them.

``ingest`` and ``events`` read the raw event; ``enrichment`` asks the API about it;
``entities`` writes what was found; ``download`` fetches its files, ``upload`` puts them
where they belong and ``results`` records what became of each; ``actions`` carries out what
plugins want done outside; ``retry`` brings back what failed.
"""
