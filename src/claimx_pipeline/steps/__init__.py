"""The workers, one room each, in the order in which an event meets them.

``ingest`` and ``events`` read the raw event; ``enrichment`` asks the API about it;
``entities`` writes what was found; ``chain`` is what plugins build their workers from.
"""
