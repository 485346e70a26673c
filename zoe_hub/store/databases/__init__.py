"""The databases that a store can be kept in, behind one contract (``base``)."""
