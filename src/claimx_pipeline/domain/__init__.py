"""What a domain is: kinds of entity, where their values come from, and handlers of events.

Nothing here knows ClaimX; ``claimx_pipeline.claimx`` is the domain that is built in.
"""
