"""The pages of the console, one file for each subject: from a request to what a template shows."""
