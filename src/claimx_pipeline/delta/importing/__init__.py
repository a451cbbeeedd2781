"""Tables that another system wrote: read into ours, compared with ours, shown over ours."""
