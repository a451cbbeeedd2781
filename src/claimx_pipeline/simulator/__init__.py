"""The outside world, so that the pipeline can be tried without it.

A seeded, consistent imitation of ClaimX (its REST API and its media host), of the iTel
Cabinet API, of the vendor's own and of a webhook receiver, behind one real HTTP server. Nothing
of the product knows that it is there: a pipeline is pointed at it by its address.

``world`` holds what happens and when, ``server`` serves it.
"""
