"""``python -m zoe_hub``: the same as ``zoe-hub``, and how JupyterLab starts the embedded hub."""

import gc

gc.disable()  # what is loaded at the start stays: looking for garbage in it makes the start a tenth longer

from zoe_hub.app import main  # noqa: E402

if __name__ == "__main__":
    main()
