"""The LSTM as a trainable torch module: the same mathematics as `granular_lm.runtime`, the same parameter names."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from granular_lm.weights import ModelConfig, Weights

TorchState = tuple[Tensor, Tensor]

DRAWS = 2**16
"""Dropout decides by a whole number below this, so that one random word of 64 bits serves four values."""


class Dropout(nn.Module):
    """Sets values to zero at random while training, and scales up the others.

    The same as `torch.nn.Dropout`, but with a quarter of the random words and no floating point numbers made of
    them: on a CPU that took a tenth of an update.

    Args:
        share: Of the values that are dropped; rounded to a multiple of 1 / `DRAWS`.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self._dropped = min(round(share * DRAWS), DRAWS - 1)

    @property
    def drops(self) -> bool:
        """Whether anything is ever dropped."""
        return self._dropped > 0

    def forward(self, values: Tensor) -> Tensor:
        """Return values of any shape, some of them zero; in evaluation the values as they are."""
        if not self.training or not self._dropped:
            return values
        words = torch.empty(-(-values.numel() // 4), dtype=torch.int64, device=values.device)
        draws = words.random_(-(2**63), None).view(torch.int16)[: values.numel()].view(values.shape)
        kept = draws.ge_(self._dropped - DRAWS // 2).to(values.dtype)
        return values * kept.mul_(DRAWS / (DRAWS - self._dropped))


class LSTM(nn.LSTM):
    """`torch.nn.LSTM` with `Dropout` between its layers on a CPU, and of its recurrent weights.

    Args:
        config: Its shape; ``dropout`` is the share of the values that are dropped between two layers.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(
            config.embedding_dim,
            config.hidden_size,
            config.num_layers,
            batch_first=True,
            dropout=config.dropout if config.num_layers > 1 else 0.0,
        )
        self.between = Dropout(config.dropout)
        self.recurrent = Dropout(config.weight_dropout)

    def forward(  # type: ignore[override]
        self, values: Tensor, state: TorchState | None = None
    ) -> tuple[Tensor, TorchState]:
        """Return the outputs of the last layer, shape (B, T, H), and the state after the last step.

        Args:
            values: Shape (B, T, input).
            state: ``(h, c)``, each (L, B, H); None is the zero state.
        """
        is_one_call = self.num_layers == 1 or values.device.type != "cpu"  # cuDNN reads all layers in one call
        if is_one_call and not self.recurrent.drops:
            return super().forward(values, state)
        zeros = values.new_zeros(self.num_layers, len(values), self.hidden_size)
        before = (zeros, zeros) if state is None else state
        after = []
        for layer in range(self.num_layers):
            of_layer = [part[layer : layer + 1].to(values.dtype) for part in before]
            of_input, of_state, *biases = self.all_weights[layer]
            weights: list[Tensor] = [of_input, self.recurrent(of_state), *biases]
            values, h, c = torch.lstm(values, of_layer, weights, True, 1, 0.0, self.training, False, True)
            after.append((h, c))
            if layer < self.num_layers - 1:
                values = self.between(values)
        h, c = (torch.cat(parts) for parts in zip(*after, strict=True))
        return values, (h, c)


class LSTMNetwork(nn.Module):
    """Embedding, a stack of LSTM layers with dropout after each, and a linear output layer.

    One mask of the recurrent weights serves all steps of a window. Source: Merity et al. 2018, "Regularizing and
    Optimizing LSTM Language Models".

    The recurrent matrices start orthogonal gate by gate, biases at zero but for the forget gate's, which start
    at one. Source: Jozefowicz et al. 2015 (forget bias), Saxe et al. 2013 (orthogonal start).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.embedding_dim)
        self.lstm = LSTM(config)
        self.dropout = Dropout(config.dropout)
        self.head = nn.Linear(config.hidden_size, config.vocab_size)
        if config.tie_embeddings:
            self.head.weight = self.embedding.weight
        self._initialise()

    def forward(self, ids: Tensor, state: TorchState | None) -> tuple[Tensor, TorchState]:
        """Read tokens and return logits of what follows.

        Args:
            ids: Tokens, shape (B, T).
            state: ``(h, c)``, each (L, B, H); None is the zero state.

        Returns:
            Logits, shape (B, T, V), and the state after the last token.
        """
        hidden, after = self.lstm(self.embedding(ids), state)
        return self.head(self.dropout(hidden)), after

    def to_weights(self) -> dict[str, NDArray[np.float32]]:
        """Return a copy of the parameters as numpy arrays."""
        named = dict(self.named_parameters())
        return {name: p.detach().to("cpu", torch.float32).numpy().copy() for name, p in named.items()}

    def load_weights(self, weights: Weights) -> None:
        """Overwrite the parameters."""
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                parameter.copy_(torch.from_numpy(np.asarray(weights[name])))

    def _initialise(self) -> None:
        hidden_size = self.config.hidden_size
        nn.init.normal_(self.embedding.weight, std=0.1)
        for name, parameter in self.lstm.named_parameters():
            if name.startswith("bias"):
                nn.init.zeros_(parameter)
                if name.startswith("bias_ih"):
                    nn.init.ones_(parameter[hidden_size : 2 * hidden_size])
                continue
            for gate in parameter.chunk(4):
                (nn.init.orthogonal_ if name.startswith("weight_hh") else nn.init.xavier_uniform_)(gate)
        nn.init.zeros_(self.head.bias)
        if not self.config.tie_embeddings:
            nn.init.normal_(self.head.weight, std=hidden_size**-0.5)
