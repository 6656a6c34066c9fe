"""Training as the original post did it, written anew as plainly as it goes: the yardstick of `train_speed.py`.

    python benchmarks/reference_post.py [FILE ...] [--updates 5]

A character LSTM as tutorials show it: bytes become one-hot vectors of 257 numbers (the 257th is the stop), a batch
of 32 strings is packed with `pack_padded_sequence`, four `torch.nn.LSTM` layers of 512 units with dropout read it in
fp32, and Adam updates the weights. Strings are drawn at random and read whole, so give short ones.
"""

import argparse
import itertools
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from granular_lm.corpus.bios import generate_bios
from granular_lm.corpus.readers import read_documents
from granular_lm.text import to_bytes

VOCAB_SIZE = 257
STOP = 256
BATCH_SIZE = 32
LEARNING_RATE = 1e-3


class PostNetwork(nn.Module):
    """One-hot inputs, a stack of LSTM layers with dropout, a linear layer."""

    def __init__(self, hidden_size: int = 512, num_layers: int = 4, dropout: float = 0.5) -> None:
        super().__init__()
        self.lstm = nn.LSTM(VOCAB_SIZE, hidden_size, num_layers, dropout=dropout, batch_first=True)
        self.head = nn.Linear(hidden_size, VOCAB_SIZE)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Return logits at every position that is no padding, in packed order, shape (positions, 257).

        Args:
            ids: Bytes read, shape (B, T).
            lengths: How many of each row count, shape (B,), longest first.
        """
        packed = pack_padded_sequence(one_hot(ids, VOCAB_SIZE).float(), lengths, batch_first=True)
        hidden, _ = self.lstm(packed)
        logits: Tensor = self.head(hidden.data)
        return logits


def updates(
    documents: Sequence[str], *, batch_size: int = BATCH_SIZE, seed: int = 0, device: str = "cpu"
) -> Iterator[int]:
    """Train for ever; after each update, yield the raw bytes it has read."""
    torch.manual_seed(seed)
    network = PostNetwork().to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    while True:
        drawn = torch.randint(len(documents), (batch_size,)).tolist()
        rows = sorted((list(to_bytes(documents[index])) for index in drawn), key=len, reverse=True)
        inputs = pad_sequence([torch.tensor([STOP, *row]) for row in rows], batch_first=True)
        targets = pad_sequence([torch.tensor([*row, STOP]) for row in rows], batch_first=True)
        lengths = torch.tensor([len(row) + 1 for row in rows])
        wanted = pack_padded_sequence(targets, lengths, batch_first=True).data
        optimizer.zero_grad()
        torch.autograd.backward(cross_entropy(network(inputs.to(device), lengths), wanted.to(device)))
        optimizer.step()
        yield sum(map(len, rows))


def main() -> None:
    """Time a few updates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--updates", type=int, default=5, help="updates to time, after one to warm up")
    arguments = parser.parse_args()
    documents = list(read_documents(arguments.files)) if arguments.files else list(generate_bios())
    training = updates(documents)
    next(training)
    started = time.perf_counter()
    num_bytes = sum(itertools.islice(training, arguments.updates))
    print(f"{num_bytes / (time.perf_counter() - started):.0f} bytes/s over {arguments.updates} updates")


if __name__ == "__main__":
    main()
