"""The pure heart of the hub: records, commands, decisions. No clock, no randomness, no input or output.

Everything here is a function of its arguments. The shells around it (``controllers``, ``store``, ``backends``, ``web``)
bring the facts in and carry the decisions out.
"""
