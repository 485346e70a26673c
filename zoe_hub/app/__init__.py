"""The hub as a program: ``zoe-hub``. The only place where parts are chosen and put together.

``zoe-hub --embedded`` is the hub of one user on this machine, started by JupyterLab and the command line when it is
needed; it ends by itself when it is not. ``zoe-hub validate PATH`` checks definitions. ``program`` reads the options
(``options``, ``web_options``) and holds the data folder; ``running`` makes the parts, listens (``listening``) and ends
them; ``parts`` finds backends and authenticators by their names.
"""

from zoe_hub.app.program import ZoeHub, main

__all__ = ["ZoeHub", "main"]
