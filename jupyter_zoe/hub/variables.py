"""The environment variables that say which hub it is: people set them, and what starts kernels hands them down."""

from __future__ import annotations

URL_VARIABLE = "ZOE_HUB_URL"
TOKEN_VARIABLE = "ZOE_HUB_TOKEN"  # noqa: S105 - the name of a variable
USER_VARIABLE = "ZOE_HUB_USER"
"""The user to whom a hub of ``ZOE_HUB_URL`` on this machine belongs, beside this one and root; ``*``: anybody."""
DATA_VARIABLE = "ZOE_DATA"
OPTIONS_VARIABLE = "ZOE_HUB_OPTIONS"
"""Further options of the embedded hub, as on a command line; read by whoever starts it."""
