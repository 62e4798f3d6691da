import pytest
import torch

from sonify.models.device import computes_bfloat16, disable_tf32, pick_device, pick_precision


def test_auto_is_a_device_that_is_there_and_another_is_refused():
    assert pick_device("cpu").type == "cpu"
    torch.zeros(1, device=pick_device("auto"))
    with pytest.raises(ValueError, match="must be one of"):
        pick_device("tpu")


@pytest.mark.parametrize(
    ("device", "instructions", "precision"),
    [
        ("cpu", {"avx512_bf16": True}, "bfloat16"),
        ("cpu", {"avx512_f": True, "avx512_bf16": False}, "float32"),
        ("cpu", {"bf16": True}, "float32"),  # Arm
        ("mps", {"avx512_bf16": True}, "float32"),
    ],
)
def test_bfloat16_is_taken_where_the_processor_has_it(monkeypatch, device, instructions, precision):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: instructions)
    assert computes_bfloat16(device) == (precision == "bfloat16")
    assert pick_precision("auto", torch.device(device)) == precision
    assert pick_precision("bfloat16", device) == "bfloat16"
    assert pick_precision("float32", device) == "float32"


@pytest.mark.parametrize(("native", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_gpus_that_emulate_bfloat16_do_not_count(monkeypatch, native, precision):
    def supported(including_emulation: bool = True) -> bool:
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert pick_precision("auto", "cuda") == precision


@pytest.mark.parametrize("before", ["tf32", "ieee"])
def test_the_tf32_setting_is_restored(before):
    conv = torch.backends.cudnn.conv
    default, conv.fp32_precision = conv.fp32_precision, before
    try:
        with pytest.raises(ZeroDivisionError), disable_tf32():
            assert conv.fp32_precision == "ieee"
            raise ZeroDivisionError
        assert conv.fp32_precision == before
    finally:
        conv.fp32_precision = default
