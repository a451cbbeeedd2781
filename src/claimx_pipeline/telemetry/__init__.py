"""How the pipeline tells what it is doing: log lines, metrics, health."""
