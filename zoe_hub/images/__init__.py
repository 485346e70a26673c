"""The container images that frameworks' processes run in: what goes into them, building, which are out of date.

``recipes`` reads what there is to build, ``packages`` and ``system`` make what goes into it, ``building`` builds on an
engine, ``states`` says in which state an image, a wheel and this hub have a framework's files. Called by
``python -m zoe_hub.images`` (``make images``); the Docker backend asks ``states`` alone.
"""
