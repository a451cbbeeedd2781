"""Real parts of the product, and real servers, set up so that a test can drive them."""
