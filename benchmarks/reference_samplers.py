"""Other ways to draw one string, written anew as plainly as they go: the peers of `sample_speed.py`.

- `sample_by_lstm` steps a `torch.nn.LSTM` under `torch.inference_mode`, the way most code for such models does.
- `PostSampler` is the original post's way: one-hot inputs, and `torch.nn.LSTMCell` modules that get their weights from
  the LSTM of training by copying them, at every byte. What copying them once for each string costs can be had, too.
- `sample_by_gpt` is ``generate`` of `transformers` with its cache, without its default of the 50 likeliest tokens: it
  draws from the model as it is, as the others do.

Each returns the bytes drawn, and ends where it draws the stop, but for GPT-2, which has none.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from transformers import GPT2LMHeadModel

from granular_lm.network import LSTMNetwork, TorchState
from granular_lm.weights import ModelConfig, Weights, num_parameters
from reference_gpt import NEWLINE, Recipe, new_network
from reference_post import STOP, VOCAB_SIZE, PostNetwork

NEVER = -30.0
"""Bias of a token that is hardly ever drawn."""

WIDTHS = range(32, 2048, 32)


def peers(config: ModelConfig, weights: Weights, num_bytes: int) -> dict[str, Callable[[], bytes]]:
    """Return programs that draw one string of about ``num_bytes``, by name.

    Args:
        config: Shape of the network.
        weights: Its parameters, which the `torch.nn.LSTM` gets.
        num_bytes: Longest string.
    """
    lstm, post = new_lstm(config, weights), new_post(config)
    gpt = new_gpt(sum(num_parameters(config).values()), num_bytes)
    copied, copied_once = PostSampler(post), PostSampler(post, copies_each_byte=False)
    return {
        "torch LSTM": lambda: sample_by_lstm(lstm, num_bytes),
        "the post": lambda: copied.sample(num_bytes),
        "the post, weights copied once a string": lambda: copied_once.sample(num_bytes),
        "GPT-2": lambda: sample_by_gpt(gpt, num_bytes),
    }


def with_threads(threads: int, run: Callable[[], object]) -> None:
    """Run a program with some threads of torch's."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    run()
    torch.set_num_threads(before)


def new_lstm(config: ModelConfig, weights: Weights) -> LSTMNetwork:
    """Return the network of training with these weights."""
    network = LSTMNetwork(config)
    network.load_weights(weights)
    network.train(False)
    return network


@torch.inference_mode()
def sample_by_lstm(network: LSTMNetwork, num_bytes: int) -> bytes:
    """Draw a string of at most ``num_bytes``."""
    drawn: list[int] = []
    token, state = torch.tensor([STOP]), None
    while len(drawn) < num_bytes:
        hidden, state = network.lstm(network.embedding(token)[None], state)
        token = torch.multinomial(torch.softmax(network.head(hidden[0, 0]), dim=-1), 1)
        if (token_id := int(token)) == STOP:
            break
        drawn.append(token_id)
    return bytes(drawn)


def new_post(config: ModelConfig) -> PostNetwork:
    """Return a network of the same depth and width, with random weights, that hardly ever stops."""
    network = PostNetwork(config.hidden_size, config.num_layers, dropout=0.0)
    network.head.bias.data[STOP] = NEVER
    network.train(False)
    return network


class PostSampler:
    """Draws strings the original post's way.

    Args:
        network: As trained.
        copies_each_byte: Whether the weights are copied at every byte, as the post did, or once for each string.
    """

    def __init__(self, network: PostNetwork, *, copies_each_byte: bool = True) -> None:
        self.network = network
        self.copies_each_byte = copies_each_byte
        widths = [network.lstm.input_size, *[network.lstm.hidden_size] * (network.lstm.num_layers - 1)]
        self.cells = [nn.LSTMCell(width, network.lstm.hidden_size) for width in widths]

    @torch.no_grad()
    def sample(self, num_bytes: int) -> bytes:
        """Draw a string of at most ``num_bytes``."""
        drawn: list[int] = []
        token_id = STOP
        states: list[TorchState | None] = [None] * len(self.cells)
        while len(drawn) < num_bytes:
            if self.copies_each_byte or not drawn:
                self._copy_weights()
            logits = self._read(token_id, states)
            token_id = int(torch.multinomial(torch.softmax(logits, dim=-1), 1))
            if token_id == STOP:
                break
            drawn.append(token_id)
        return bytes(drawn)

    def _copy_weights(self) -> None:
        parameters = dict(self.network.lstm.named_parameters())
        for layer, cell in enumerate(self.cells):
            for name, parameter in cell.named_parameters():
                parameter.copy_(parameters[f"{name}_l{layer}"])

    def _read(self, token_id: int, states: list[TorchState | None]) -> Tensor:
        """Read one byte, change the states, and return the logits of the next, shape (1, 257)."""
        hidden = one_hot(torch.tensor([token_id]), VOCAB_SIZE).float()
        for layer, cell in enumerate(self.cells):
            states[layer] = hidden, _ = cell(hidden, states[layer])
        logits: Tensor = self.network.head(hidden)
        return logits


def new_gpt(wanted: int, num_bytes: int) -> GPT2LMHeadModel:
    """Return a GPT-2 of four layers with random weights and a context of ``num_bytes``.

    Args:
        wanted: How many parameters it should have; the width is the multiple of 32 that comes nearest.
        num_bytes: Longest string.
    """

    def excess(width: int) -> int:
        return abs(recipe.num_layers * (12 * width**2 + 13 * width) + (256 + num_bytes + 2) * width - wanted)

    recipe = Recipe(context=num_bytes)
    network = new_network(Recipe(context=num_bytes, width=min(WIDTHS, key=excess)))
    network.train(False)
    return network


def sample_by_gpt(network: GPT2LMHeadModel, num_bytes: int) -> bytes:
    """Draw a string of ``num_bytes``."""
    begin = torch.tensor([[NEWLINE]])
    generate: Any = getattr(network, "generate")  # noqa: B009  # transformers types it as a method of another class
    drawn = generate(
        begin,
        attention_mask=torch.ones_like(begin),
        do_sample=True,
        top_k=0,
        use_cache=True,
        max_new_tokens=num_bytes,
    )
    return bytes(drawn[0, 1:].tolist())
