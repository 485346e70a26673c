"""What people see of records: pure functions from the records of ``core`` to wire types, a module a capability."""
