"""Makes %zoe known in every IPython and kernel of this environment. Installed as etc/ipython/startup/50-jupyter-zoe.py,
a name of its own, so that it gets in nobody's way; ZOE_MAGICS=0 in the environment turns it off."""


def _load_zoe():
    import importlib.util  # noqa: PLC0415 - nothing may be left in the user's namespace
    import logging  # noqa: PLC0415
    import os  # noqa: PLC0415

    shell = get_ipython()  # noqa: F821 - IPython runs this file
    if os.environ.get("ZOE_MAGICS", "1") == "0":
        return
    try:
        if importlib.util.find_spec("jupyter_zoe.magics") is not None:
            shell.extension_manager.load_extension("jupyter_zoe.magics")
    except ModuleNotFoundError:
        pass  # uninstalled, or without what it needs
    except Exception:
        logging.getLogger("jupyter_zoe").warning(
            "%%zoe could not be loaded; try %%load_ext jupyter_zoe.magics", exc_info=True
        )


_load_zoe()
del _load_zoe
