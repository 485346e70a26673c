"""The web pages of processes, through the hub."""
