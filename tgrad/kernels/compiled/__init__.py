"""What numba compiles, in a process of its own (`worker.py`). Nothing outside that process imports these modules: their
names and signatures are what `kernels/native.py` asks for.

Kernels are functions over bare pointers and sizes; they allocate nothing and cannot raise, so that what comes out is plain
machine code, which loads without numba.
"""
