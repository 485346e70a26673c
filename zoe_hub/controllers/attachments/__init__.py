"""What binds notebooks to executions."""
