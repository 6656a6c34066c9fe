"""How fast `encode_batch` is beside the obvious loop, and SentencePiece beside itself alone.

    python benchmarks/codec_speed.py [FILE ...] [-o results/codec_speed.json]

Both sides of a ratio are timed in turn in the same run, the median of several rounds each. Without a file the
embedded bios are encoded.
"""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sentencepiece import SentencePieceProcessor

from granular_lm.codecs import Codec, train_codec
from granular_lm.corpus.bios import generate_bios
from granular_lm.corpus.readers import read_documents
from granular_lm.text import to_bytes
from results import benchmark_parser, write_results
from timing import seconds_of_each

ROUNDS = 11


def obvious_loop(codec: Codec, documents: Sequence[str]) -> Callable[[], object]:
    """Return the loop a newcomer writes: look each byte or character up, one at a time."""
    id_of = {codec.token_bytes(i).decode(): i for i in range(codec.vocab_size) if _is_character(codec.token_bytes(i))}

    def by_character() -> list[list[int]]:
        encoded = []
        for text in documents:
            ids: list[int] = []
            for character in text:
                if character in id_of:
                    ids.append(id_of[character])
                else:
                    ids.extend(to_bytes(character))
            encoded.append(ids)
        return encoded

    def by_byte() -> list[list[int]]:
        return [list(to_bytes(text)) for text in documents]

    return by_byte if codec.name == "byte" else by_character


def _is_character(token: bytes) -> bool:
    try:
        return len(token.decode()) == 1
    except UnicodeDecodeError:
        return False


def measure(codec: Codec, documents: Sequence[str], num_bytes: int) -> dict[str, Any]:
    """Return the speed of a codec and of what it is compared with."""
    other: Callable[[], object]
    if codec.name == "spm":
        alone = SentencePieceProcessor(model_proto=codec.files()["spm.model"])
        plain = list(documents)
        name, other = "sentencepiece alone", lambda: alone.encode(plain)
    else:
        name, other = "obvious loop", obvious_loop(codec, documents)
    times = seconds_of_each({"ours": lambda: codec.encode_batch(documents), "theirs": other}, ROUNDS)
    ours, theirs = statistics.median(times["ours"]), statistics.median(times["theirs"])
    return {
        "codec": codec.name,
        "vocab_size": codec.vocab_size,
        "megabytes_per_second": num_bytes / ours / 1e6,
        "compared_with": name,
        "its_megabytes_per_second": num_bytes / theirs / 1e6,
        "times_as_fast": theirs / ours,
    }


def main() -> None:
    """Measure every codec and write the results."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("files", nargs="*", type=Path)
    arguments = parser.parse_args()
    documents = list(read_documents(arguments.files)) if arguments.files else list(generate_bios())
    num_bytes = sum(len(to_bytes(text)) for text in documents)
    results = []
    for name in ("byte", "char", "spm"):
        results.append(measure(train_codec(name, documents), documents, num_bytes))
        row = results[-1]
        print(
            f"{name:<5} {row['megabytes_per_second']:7.1f} MB/s, {row['times_as_fast']:6.2f} times "
            f"{row['compared_with']} ({row['its_megabytes_per_second']:.1f} MB/s)"
        )
    told = {
        "source": [path.name for path in arguments.files] or "embedded bios",
        "documents": len(documents),
        "bytes": num_bytes,
        "rounds": ROUNDS,
        "results": results,
    }
    write_results(arguments.output, told)


if __name__ == "__main__":
    main()
