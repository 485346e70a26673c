"""The hub as a program that runs: how it is found, and its own log."""
