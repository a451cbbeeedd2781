"""The workers, one room each, in the order in which an event meets them.

``ingest`` and ``events`` read the raw event; ``enrichment`` asks the API about it;
``entities`` writes what was found; ``download`` fetches its files, ``upload`` puts them
where they belong and ``results`` says so; ``retry`` brings back what failed; ``chain`` is
what plugins build their workers from.
"""
