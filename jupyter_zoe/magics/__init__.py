"""``%zoe`` in notebooks: attach the kernel to a cluster, make it bigger, run applications.

Loaded by the server extension's configuration, or with ``%load_ext jupyter_zoe.magics``. Errors are shown as one
message of a few lines and stop the notebook; there is no traceback of Zoe's own code.
"""

from __future__ import annotations

from typing import Any


def load_ipython_extension(shell: Any) -> None:
    """Make ``%zoe`` known to an IPython shell. Cheap: what the verbs need is imported when they are used."""
    if getattr(shell, "_zoe_magics", None) is not None:
        return
    from jupyter_zoe.magics.complete import Completer  # noqa: PLC0415
    from jupyter_zoe.magics.zoe import Zoe  # noqa: PLC0415

    zoe = Zoe(shell)
    shell._zoe_magics = zoe
    zoe.cells.register()
    shell.register_magic_function(zoe.run, "line", "zoe")
    shell.set_hook("complete_command", Completer(zoe.verbs), str_key="%zoe")
    shell.set_hook("complete_command", Completer(zoe.verbs), str_key="zoe")


def unload_ipython_extension(shell: Any) -> None:
    """Forget ``%zoe``. What is attached stays attached."""
    if getattr(shell, "_zoe_magics", None) is not None:
        shell._zoe_magics.cells.unregister()
        shell._zoe_magics.front.close()
        shell._zoe_magics = None
        shell.magics_manager.magics["line"].pop("zoe", None)
