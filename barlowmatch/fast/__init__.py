"""What is computed faster here than by torch's operations, with the same results but for rounding.

Networks go these ways by `accelerating.accelerate`; the method (`barlowmatch.models`) knows nothing of them.

- `winograd` (cut into tiles by `tiling`) and `im2col`: convolutions on a CPU, in float32 and in bfloat16;
- `norms`: batch norm with what is added to it and the ReLU after it, in few passes; `residual`: networks made of those;
- `loops`: what numba compiles for the CPU, `kernels`: what Triton compiles for a GPU; views and LARS call them, too;
- `processor` and `allocator`: what the processor at hand and its C library can do.

Nothing in here knows what is learned, from what and when: it is about tensors, layers and machines.
"""
