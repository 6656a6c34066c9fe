"""nanoGPT's recipe for a CPU, rebuilt from the GPT-2 of `transformers`: the peer of `time_to_bpb.py`.

The README of nanoGPT gives it for tinyshakespeare: a transformer of 4 layers, 4 heads and width 128 reads 12 stretches
of 64 characters an update, 2000 times; the rest is in its ``config/train_shakespeare_char.py``. What differs here:

- It reads bytes, a vocabulary of 256, where nanoGPT lists the 65 characters that occur. Both are one token a
  character on this text, bytes that never occur are unlearnt within the first updates (the output layer is the
  embedding, so they cost 24 448 parameters of 800 thousand), and the numbers compare with ours, which reads bytes.
- GPT-2 has biases. They start at zero and are frozen there, which is the same function as having none.
- It never stops to evaluate, which nanoGPT does every 250 updates, and AdamW is fused: both save the peer time.
- The last weights are kept. nanoGPT keeps those of the lowest development loss, which the last are on this text.

It is fp32, as nanoGPT's is on a CPU, and uncompiled, as its README says.
Source: https://github.com/karpathy/nanoGPT, README.md and train.py.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import GPT2Config, GPT2LMHeadModel

NEWLINE = 10
WINDOWS_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What nanoGPT's README and configuration file say.

    Attributes:
        iterations: Updates; the learning rate falls over all of them.
        batch_size: Stretches an update reads.
        context: Bytes of a stretch.
        num_layers: Depth.
        num_heads: Of the attention.
        width: Of the layers.
        learning_rate: Of AdamW, at its peak.
        min_learning_rate: At the end.
        warmup: Updates over which it rises.
        betas: Of AdamW.
        weight_decay: On matrices alone.
        grad_clip: Largest norm of the gradient.
        seed: Of the weights and of what is read.
    """

    iterations: int = 2000
    batch_size: int = 12
    context: int = 64
    num_layers: int = 4
    num_heads: int = 4
    width: int = 128
    learning_rate: float = 1e-3
    min_learning_rate: float = 1e-4
    warmup: int = 100
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.1
    grad_clip: float = 1.0
    seed: int = 1337


def train_gpt(data: bytes, recipe: Recipe) -> GPT2LMHeadModel:
    """Train on stretches drawn from ``data`` at random."""
    torch.manual_seed(recipe.seed)
    network = new_network(recipe)
    optimizer = _optimizer(network, recipe)
    ids = torch.from_numpy(np.frombuffer(data, dtype=np.uint8).astype(np.int64))
    for iteration in range(recipe.iterations):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe, iteration)
        starts = torch.randint(len(ids) - recipe.context, (recipe.batch_size, 1))
        stretches = ids[starts + torch.arange(recipe.context + 1)]
        logits = logits_of(network, stretches[:, :-1])
        torch.autograd.backward(cross_entropy(logits.flatten(0, 1), stretches[:, 1:].flatten()))
        torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.grad_clip)
        optimizer.step()
        optimizer.zero_grad()
    network.train(False)
    return network


def learning_rate(recipe: Recipe, iteration: int) -> float:
    """Return the learning rate of an update: up linearly, then down by a cosine."""
    if iteration < recipe.warmup:
        return recipe.learning_rate * (iteration + 1) / (recipe.warmup + 1)
    progress = (iteration - recipe.warmup) / max(recipe.iterations - recipe.warmup, 1)
    factor = (1 + math.cos(math.pi * progress)) / 2
    return recipe.min_learning_rate + factor * (recipe.learning_rate - recipe.min_learning_rate)


def new_network(recipe: Recipe) -> GPT2LMHeadModel:
    """Return a GPT-2 without dropout whose biases are frozen at zero."""
    config = GPT2Config(
        vocab_size=256,
        n_positions=recipe.context,
        n_embd=recipe.width,
        n_layer=recipe.num_layers,
        n_head=recipe.num_heads,
        activation_function="gelu",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=None,
        eos_token_id=None,
    )
    network = GPT2LMHeadModel(config)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not name.endswith(".bias"))
    return network


def _optimizer(network: torch.nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    learnt = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in learnt if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in learnt if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=recipe.betas, fused=True)


def logits_of(network: GPT2LMHeadModel, ids: Tensor) -> Tensor:
    """Return logits of the byte after each of ``ids``, shape (B, T, 256)."""
    logits: Tensor = network(input_ids=ids, use_cache=False).logits
    return logits


def bits_per_byte(network: GPT2LMHeadModel, data: bytes, *, context: int, stride: int) -> float:
    """Return the bits per byte of ``data``, read as if a newline stood before it; every byte is paid for once.

    Args:
        network: What predicts.
        data: What is predicted.
        context: Most bytes that a prediction sees.
        stride: Bytes from one window to the next: every byte but those of the first window is predicted from at
            least ``context - stride`` bytes.
    """
    ids = np.frombuffer(bytes([NEWLINE]) + data, dtype=np.uint8).astype(np.int64)
    context = min(context, len(data))
    starts = [*range(0, len(data) - context, stride), len(data) - context]
    nats = np.empty(len(data))
    # Backwards: where windows overlap, the earlier one has seen more, and is written last.
    for end in range(len(starts), 0, -WINDOWS_AT_ONCE):
        some = starts[max(0, end - WINDOWS_AT_ONCE) : end]
        for start, row in reversed(list(zip(some, _window_nats(network, ids, some, context), strict=True))):
            nats[start : start + context] = row
    return math.fsum(nats) / math.log(2) / len(data)


@torch.no_grad()
def _window_nats(
    network: GPT2LMHeadModel, ids: NDArray[np.int64], starts: Sequence[int], context: int
) -> NDArray[np.float64]:
    """Return -ln p of each byte of each window, shape (windows, context)."""
    windows = torch.from_numpy(np.stack([ids[start : start + context + 1] for start in starts]))
    logits = logits_of(network, windows[:, :-1])
    nats = cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten(), reduction="none")
    return nats.view(len(starts), context).double().numpy()
