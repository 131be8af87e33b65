"""Function transforms: rows run over tensors that stand for more than they show (a batch of values, a value with its tangent)."""
