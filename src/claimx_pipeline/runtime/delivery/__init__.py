"""From a polled batch to its commit: process, publish, write, commit, or pause and wait."""
