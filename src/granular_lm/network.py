"""The LSTM as a trainable torch module: the same mathematics as `granular_lm.runtime`, the same parameter names."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from granular_lm.weights import ModelConfig, Weights

TorchState = tuple[Tensor, Tensor]


class LSTMNetwork(nn.Module):
    """Embedding, a stack of LSTM layers with dropout after each, and a linear output layer.

    The recurrent matrices start orthogonal gate by gate, biases at zero but for the forget gate's, which start
    at one. Source: Jozefowicz et al. 2015 (forget bias), Saxe et al. 2013 (orthogonal start).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.embedding_dim)
        self.lstm = nn.LSTM(
            config.embedding_dim,
            config.hidden_size,
            config.num_layers,
            batch_first=True,
            dropout=config.dropout if config.num_layers > 1 else 0.0,
        )
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.hidden_size, config.vocab_size)
        if config.tie_embeddings:
            self.head.weight = self.embedding.weight
        self._initialise()

    def forward(self, ids: Tensor, state: TorchState | None, is_read: Tensor) -> tuple[Tensor, TorchState]:
        """Read tokens and return logits of what follows, at the positions that count.

        Args:
            ids: Tokens, shape (B, T).
            state: ``(h, c)``, each (L, B, H); None is the zero state.
            is_read: Positions whose logits are wanted, shape (B, T): padding costs nothing in the output layer.

        Returns:
            Logits, shape (positions, V), in row order, and the state after the last token.
        """
        hidden, after = self.lstm(self.embedding(ids), state)
        return self.head(self.dropout(hidden[is_read])), after

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
