"""Side-by-side speed: `python -m tests.benchmarks` times tgrad and the real PyTorch in turn and prints the ratios."""
