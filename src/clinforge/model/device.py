"""Which device and which number format to compute in, decided by what the machine has."""

import contextlib
from typing import Any, Literal

Precision = Literal["auto", "fp32", "bf16", "fp16"]


def pick_device() -> str:
    """`cuda`, `mps` or `cpu`."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def pick_precision(asked: Precision, device: str) -> Literal["fp32", "bf16", "fp16"]:
    """`auto` takes bf16 where the hardware multiplies it natively (it then runs about twice as fast), else fp32."""
    import torch

    if asked != "auto":
        return asked
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    if device == "cpu":
        # The check is the one oneDNN makes before it picks its bf16 kernels.
        return "bf16" if torch.ops.mkldnn._is_mkldnn_bf16_supported() and _has_bf16_dot_product() else "fp32"
    return "fp32"


def mixed_precision(device: str, precision: Literal["fp32", "bf16", "fp16"]) -> contextlib.AbstractContextManager[Any]:
    """Context in which matrix products run in the chosen format; weights and sums stay float32."""
    import torch

    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device, dtype=torch.bfloat16 if precision == "bf16" else torch.float16)


def _has_bf16_dot_product() -> bool:
    # mkldnn also emulates bf16 on AVX-512 processors without the instruction, slower than float32.
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:  # noqa: PTH123 -- a kernel file
            flags = next((line for line in file if line.startswith("flags")), "")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
