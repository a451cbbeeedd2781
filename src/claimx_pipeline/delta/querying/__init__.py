"""Reading tables: SQL over all of them, and rows as Python values."""
