"""`torch.utils`: checkpointing and other helpers, as modules of their own."""
