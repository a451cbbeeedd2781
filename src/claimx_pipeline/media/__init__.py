"""A claim's files, from the link in an API answer to the object store."""
