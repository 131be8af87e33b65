"""The functions of `nn.functional`, one file per kind."""
