"""What hooks are told and what they may answer."""
