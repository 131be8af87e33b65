"""The version of tgrad, in one place: the build reads it from here, and so does `tgrad --version`."""

__version__ = "0.1.0"

# What PyTorch's own `torch.version` tells about its build.
cuda = None
hip = None
git_version = "tgrad-" + __version__
debug = False

# The release of PyTorch whose API, semantics and texts are matched.
torch_api = "2.13.0"
