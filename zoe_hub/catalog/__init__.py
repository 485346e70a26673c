"""Definitions of frameworks and ZApps: read from YAML, checked, rendered into specifications of executions."""

from zoe_hub.catalog.catalog import Catalog, check, default_folders, published_schema
from zoe_hub.catalog.zapp import Rendered

__all__ = ["Catalog", "Rendered", "check", "default_folders", "published_schema"]
