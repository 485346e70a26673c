"""The REST interface: thin Tornado handlers bound to the table of operations. Composed by ``app``."""
