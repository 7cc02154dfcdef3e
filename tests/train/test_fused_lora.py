import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.nn.functional import cosine_similarity

from clinforge.train.methods.fused_lora import fuse


class Layer(torch.nn.Module):
    def __init__(self, *, bias: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(48, 40, bias=bias)

    def forward(self, x):
        return self.linear(x)


def build(*, bias=False, dtype=torch.float32, scale_of_b=0.1, fused=True, **changes):
    model = get_peft_model(Layer(bias=bias), LoraConfig(r=4, lora_alpha=8, target_modules=["linear"], **changes))
    torch.manual_seed(1)
    with torch.no_grad():
        model.base_model.model.linear.lora_B["default"].weight.normal_(std=scale_of_b)
    model.base_model.model.linear.base_layer.to(dtype)
    if fused:
        fuse(model)
    return model


def outcome(model, dtype=torch.float32):
    """Result, gradients of the adapter, gradient of the input; casts left to autocast as in training."""
    x = torch.randn(3, 7, 48, generator=torch.Generator().manual_seed(2)).to(dtype).requires_grad_()
    layer = model.base_model.model.linear
    layer.cast_input_dtype_enabled = False
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype != torch.float32):
        y = model(x)
    (y.float() ** 2).sum().backward()
    return y.float().detach(), layer.lora_A["default"].weight.grad, layer.lora_B["default"].weight.grad, x.grad.float()


@pytest.mark.parametrize("bias", [False, True])
def test_a_fused_layer_is_pefts_layer(bias):
    for ours, pefts in zip(outcome(build(bias=bias)), outcome(build(bias=bias, fused=False)), strict=True):
        torch.testing.assert_close(ours, pefts, atol=1e-5, rtol=1e-5)


def test_in_bf16_a_small_update_is_not_lost_to_rounding():
    def update(*, fused, dtype):
        changed = outcome(build(dtype=dtype, scale_of_b=1e-4, fused=fused), dtype)[0]
        return (changed - outcome(build(dtype=dtype, scale_of_b=0.0, fused=fused), dtype)[0]).flatten()

    exact = update(fused=False, dtype=torch.float32)

    def kept(*, fused):
        """Share of the exact update that came through, as its projection."""
        return float(update(fused=fused, dtype=torch.bfloat16) @ exact / (exact @ exact))

    assert kept(fused=False) < 0.4
    assert kept(fused=True) == pytest.approx(1, abs=0.25)


def test_gradients_in_bf16_point_where_those_in_float32_do():
    for found, exact in zip(outcome(build(dtype=torch.bfloat16), torch.bfloat16), outcome(build()), strict=True):
        assert cosine_similarity(found.flatten(), exact.flatten(), dim=0) > 0.999


def test_variants_and_dropout_keep_pefts_own_forward():
    for changes in ({"use_dora": True}, {"lora_dropout": 0.1}):
        assert "forward" not in vars(build(**changes).base_model.model.linear)


def test_the_saved_adapter_is_pefts_own(tmp_path):
    model = build()
    model.save_pretrained(tmp_path)
    again = build(fused=False, scale_of_b=0.0)
    again.load_adapter(str(tmp_path), "saved")
    again.set_adapter("saved")
    x = torch.randn(2, 48)
    torch.testing.assert_close(model(x), again(x), atol=1e-5, rtol=1e-5)
