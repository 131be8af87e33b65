"""The ``tgrad`` command: ``run``, ``graph`` and ``repl``."""
