"""LoRA layers computed with one product instead of two, and rounded once.

PEFT computes `x W' + s (x A') B'`. In bf16 the first term is rounded before the second is added, and whatever part of
the update lies below the rounding step of the first term is lost: early in training, when B is small, that is most of
it. Here the frozen weight and `s B` stand side by side in one matrix, so that `[x, x A'] [W, s B]'` sums both terms in
the product's float32 accumulator. The result in float32 is PEFT's; in bf16 training follows the float32 course (both
are tested), and the backward pass takes two products fewer. The adapter stays PEFT's: its parameters, its files.
"""

from typing import Any

import torch
from peft.tuners.lora import Linear as LoRALinear


def fuse(model: Any) -> None:  # noqa: ANN401 -- a PeftModel
    """Replace the forward pass of a model's plain LoRA layers; variants (DoRA) and layers with dropout keep PEFT's.

    Call it when the model is on its device: the frozen weights become views of the widened ones.
    """
    for module in model.modules():
        if isinstance(module, LoRALinear) and _is_plain(module):
            module.forward = _FusedForward(module)


def _is_plain(module: Any) -> bool:  # noqa: ANN401 -- a LoRA layer; PEFT's attributes are untyped
    (adapter,) = module.active_adapters
    return (
        type(module.base_layer) is torch.nn.Linear
        and not module.lora_variant
        and isinstance(module.lora_dropout[adapter], torch.nn.Identity)
    )


class _FusedForward:
    """Stands in for the `forward` of one LoRA layer."""

    def __init__(self, module: Any) -> None:  # noqa: ANN401 -- see above
        (adapter,) = module.active_adapters
        weight = module.base_layer.weight
        self.down: torch.nn.Parameter = module.lora_A[adapter].weight
        self.up: torch.nn.Parameter = module.lora_B[adapter].weight
        self.scale: float = module.scaling[adapter]
        self.bias: torch.Tensor | None = module.base_layer.bias
        # (out, in + rank): the frozen weight, and beside it the adapter's second matrix as each pass finds it.
        self.wide = torch.cat([weight.data, torch.zeros_like(self.up, dtype=weight.dtype)], dim=1)
        weight.data = self.wide[:, : weight.shape[1]]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.reshape(-1, x.shape[-1]).to(self.wide.dtype)
        y: torch.Tensor = _FusedProduct.apply(rows, self.down, self.up, self)
        return y.view(*x.shape[:-1], -1)


class _FusedProduct(torch.autograd.Function):
    """(N, in), (rank, in), (out, rank) -> (N, out)."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, down: torch.Tensor, up: torch.Tensor, layer: _FusedForward) -> torch.Tensor:  # noqa: ANN401 -- autograd's
        size, wide = x.shape[1], layer.wide
        a = down.to(x.dtype)
        wide[:, size:] = layer.scale * up
        both = torch.cat([x, x @ a.t()], dim=1)
        ctx.save_for_backward(both, a, wide)
        ctx.scale = layer.scale
        return both @ wide.t() if layer.bias is None else torch.addmm(layer.bias, both, wide.t())

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # noqa: ANN401 -- autograd's
        (dy,) = gradients
        both, a, wide = ctx.saved_tensors
        size = a.shape[1]
        d = dy @ wide
        dx = torch.addmm(d[:, :size], d[:, size:], a) if ctx.needs_input_grad[0] else None
        return dx, d[:, size:].t() @ both[:, :size], ctx.scale * (dy.t() @ both[:, size:]), None
