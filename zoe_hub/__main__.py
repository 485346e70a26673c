"""``python -m zoe_hub``: the same as ``zoe-hub``."""

from zoe_hub.app import main

if __name__ == "__main__":
    main()
