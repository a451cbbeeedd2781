"""What a pipeline is asked to do, from Python or by the command line."""
