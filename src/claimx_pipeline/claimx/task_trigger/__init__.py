"""The task trigger: a plugin of ClaimX that reacts to tasks as its settings say."""
