"""The web console: what operators look at with a browser. It uses ``operations`` alone.

Pages are made on the server and work without scripts; ``static/`` and ``templates/`` ship with
the package, and no page asks another host for anything.
"""
