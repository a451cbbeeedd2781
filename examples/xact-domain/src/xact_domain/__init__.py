"""The xact domain: notifications about the status of assignments, with the files they link to."""
