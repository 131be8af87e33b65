"""The recorded graph: nodes, the engine that walks it backwards, grad modes, hooks, custom functions."""
