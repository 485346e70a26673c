"""What all controllers are made of: clock, work queue, tokens."""
