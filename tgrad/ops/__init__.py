"""Declarations: what each op computes and what its derivatives are. Importing this package fills the registry."""
