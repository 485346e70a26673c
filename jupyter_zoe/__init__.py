"""The Jupyter side of Zoe: client, server extension, magics and command line. Never imports ``zoe_hub``."""

__version__ = "0.1.0"


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Where JupyterLab finds the panel in a working copy (``jupyter labextension develop``)."""
    return [{"src": "labextension", "dest": "jupyter-zoe"}]
