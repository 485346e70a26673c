"""Definitions of frameworks and ZApps: read from YAML, checked, rendered into specifications of executions."""

from zoe_hub.catalog.catalog import Catalog, check
from zoe_hub.catalog.folders import default_folders, published_schema

__all__ = ["Catalog", "check", "default_folders", "published_schema"]
