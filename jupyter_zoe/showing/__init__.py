"""What verbs show: parts that know how they look in a terminal and in a notebook.

A verb puts its result together from ``parts``; the frontends (``cli``, ``magics``) ask each part for its text or its
HTML and know nothing else of it.
"""
