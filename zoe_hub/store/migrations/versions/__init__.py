"""One module for each revision. A new one is added to ``store.migrate.ZOE`` as well."""
