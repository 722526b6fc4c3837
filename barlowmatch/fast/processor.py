"""What this machine's processor can compute with, as far as oneDNN may use it."""

import os
import platform

import torch

_INSTRUCTIONS = (
    "SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI", "AVX512_CORE_BF16",
    "AVX512_CORE_FP16", "AVX10_1_512", "AVX512_CORE_AMX",
)  # fmt: skip
"""What `ONEDNN_MAX_CPU_ISA` may name as the most that is used; more includes less, and other words are no limit."""


def emulates_bfloat16() -> bool:
    """Say whether this is a processor of the x86 family that has no instructions for bfloat16."""
    has_instructions = has_bfloat16_instructions() or has_matrix_unit()
    return platform.machine().lower() in ("x86_64", "amd64") and not has_instructions


def has_bfloat16_instructions() -> bool:
    """Say whether this processor's vectors multiply bfloat16 (AVX-512), which oneDNN may use."""
    return torch.cpu._is_avx512_bf16_supported() and _may_use("AVX512_CORE_BF16")


def has_matrix_unit() -> bool:
    """Say whether this processor has a matrix unit for bfloat16 (AMX) that oneDNN may use."""
    return torch.cpu._is_amx_tile_supported() and _may_use("AVX512_CORE_AMX")


def _may_use(instructions: str) -> bool:
    """Say whether `ONEDNN_MAX_CPU_ISA`, which keeps oneDNN from what a processor can do, allows instructions."""
    most = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
    return most not in _INSTRUCTIONS or _INSTRUCTIONS.index(instructions) <= _INSTRUCTIONS.index(most)
