"""What authors of plugins write, checked by mypy as strictly as they may check it."""
