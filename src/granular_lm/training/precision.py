"""Which number format training runs in."""

import torch

from granular_lm.errors import OptionError

PRECISIONS = ("auto", "bf16", "fp32")


def choose_precision(precision: str) -> str:
    """Return ``"bf16"`` or ``"fp32"``; for ``"auto"``, bfloat16 wherever a probe says that it works.

    Raises:
        OptionError: The precision is unknown, or bf16 is asked for where it does not work.
    """
    if precision not in PRECISIONS:
        raise OptionError(f"precision={precision!r} is not accepted; give one of: {', '.join(PRECISIONS)}.")
    if precision == "fp32":
        return "fp32"
    works = _bf16_works()
    if precision == "bf16" and not works:
        raise OptionError("precision='bf16' does not work on this machine; give 'auto' or 'fp32'.")
    return "bf16" if works else "fp32"


def _bf16_works() -> bool:
    """Ask the hardware first: on a CPU without bfloat16 instructions the kernel can crash the process."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False) and _small_step_is_sane("cuda")
    return _cpu_has_bf16() and _small_step_is_sane("cpu")


def _cpu_has_bf16() -> bool:
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe)() for probe in probes if hasattr(torch.cpu, probe))


def _small_step_is_sane(device: str) -> bool:
    """Run one small LSTM forward and backward in bfloat16 and compare it with float32."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        lstm = torch.nn.LSTM(16, 32, batch_first=True).to(device)
        x = torch.randn(4, 8, 16).to(device)
        exact = lstm(x)[0].detach()
        try:
            with torch.autocast(device, torch.bfloat16):
                rounded = lstm(x)[0].float()
            rounded.sum().backward()
        except RuntimeError:
            return False
    gradients = [p.grad for p in lstm.parameters() if p.grad is not None]
    return torch.allclose(rounded, exact, atol=0.05) and all(g.isfinite().all() for g in gradients)
