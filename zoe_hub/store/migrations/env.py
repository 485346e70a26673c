"""What Alembic executes for every command: runs the revisions over the connection that ``store.migrate`` passes in."""

from alembic import context

from zoe_hub.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
