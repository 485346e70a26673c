"""Migrations of the store's tables, run by ``store.migrate`` with Alembic. Once released, a revision does not
change.
"""
