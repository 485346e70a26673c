"""What the operations of the table do, a module a capability."""
