"""Linear algebra: the functions of `torch.linalg`, and the older ones beside them. Loaded when first used: `..algebra`
hangs their names, `tgrad.linalg` gives them PyTorch's place."""
