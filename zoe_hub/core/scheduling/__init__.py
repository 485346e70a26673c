"""Which executions may run how many processes."""
