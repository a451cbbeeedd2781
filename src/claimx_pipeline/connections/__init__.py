"""HTTP services: the one client, the named connections, the cache of answers."""
