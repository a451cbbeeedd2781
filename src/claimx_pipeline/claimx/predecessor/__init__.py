"""The system before this one: its tables and its variables, for those who switch."""
