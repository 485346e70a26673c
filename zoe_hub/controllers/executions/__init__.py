"""What keeps executions as they are meant to be: observing, deciding, acting, admitting."""
