"""Executions: what they are asked to be, what they are, and what to do about the difference."""
