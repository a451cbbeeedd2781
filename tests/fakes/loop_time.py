"""The clock of the running event loop, moved by a test: what has a timeout runs into it."""

import asyncio


def pass_time(seconds: float) -> None:
    """Let every timer of the running loop that ends within *seconds* end now."""
    loop = asyncio.get_running_loop()
    time = loop.time
    loop.time = lambda: time() + seconds
