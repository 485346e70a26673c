"""The wire: what goes over HTTP, declared once. ``types`` and ``operations`` are the source; the rest is generated from
them.
"""
