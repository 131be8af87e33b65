"""How rows become machine work: numpy for small arrays, compiled kernels for large ones."""
