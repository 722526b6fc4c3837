"""What oneDNN is kept from is not counted on."""

import platform

import pytest
import torch

from barlowmatch.fast.processor import emulates_bfloat16, has_matrix_unit


@pytest.mark.parametrize(
    ("most", "matrix_unit", "emulated"),
    [(None, True, False), ("ALL", True, False), ("avx512_core_amx", True, False), ("AVX512_CORE_FP16", False, False),
     ("AVX512_CORE_BF16", False, False), ("AVX512_CORE_VNNI", False, True), ("AVX2", False, True)],
)  # fmt: skip
def test_instructions_that_onednn_is_kept_from_are_not_counted_on(
    most: str | None, matrix_unit: bool, emulated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: True)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    if most is not None:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", most)
    assert has_matrix_unit() == matrix_unit
    assert emulates_bfloat16() == emulated
