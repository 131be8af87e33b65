"""What `tgrad.serialization` is made of: the archive, the pickles in it, and how they reach the disk."""
