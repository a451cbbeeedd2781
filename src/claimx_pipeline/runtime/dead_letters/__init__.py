"""Dead letters: how they are written, found and replayed."""
