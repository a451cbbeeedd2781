"""How settings are loaded: sources, YAML with lines, variables, and the typed tree."""
