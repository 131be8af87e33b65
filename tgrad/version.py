"""The version of tgrad, in one place: the build reads it from here, and so does `tgrad --version`."""

__version__ = "0.1.0"
