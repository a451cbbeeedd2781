"""Topics with one flat message for each task and each video call."""
