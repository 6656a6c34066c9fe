"""What a text takes compressed by a model, and how long that takes, beside file compressors.

    python benchmarks/compression.py [FILE ...] [--models MODEL ...] [-o results/compression.json]

The documents are split as `granular-lm data split` does, and the test part is compressed. Without files they are the
embedded bios, whose training part the bundled models were trained on; with files, give models of their training part.
The others get the test part as lines: gzip -9, xz -9e, zstd -19, and zstd -19 with a dictionary from the training
part. Every result is decompressed and compared. The order-5 model of the training part has no coder here: its bytes
are its bits, rounded up.

Then some test documents are compressed alone, each as a message: ours with its ten bytes of header, zstd without any
header at all.
"""

import gzip
import lzma
import math
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import zstandard

from granular_lm.comparison.ngram import NGramModel
from granular_lm.compression import compress_message, decompress_message, prove
from granular_lm.corpus.bios import generate_bios
from granular_lm.corpus.readers import read_documents
from granular_lm.corpus.split import drop_exact_duplicates, split_documents
from granular_lm.model import LanguageModel, bundled_models
from granular_lm.text import to_bytes
from results import benchmark_parser, write_results

LEVEL = 19
DICTIONARY_BYTES = 112_640  # what the zstd command takes
MESSAGES = 300
ORDER = 5
Program = Callable[[bytes], bytes]


def dictionary_of(documents: Sequence[str]) -> zstandard.ZstdCompressionDict:
    """Return zstd's dictionary of some documents."""
    return zstandard.train_dictionary(DICTIONARY_BYTES, [to_bytes(text) for text in documents], level=LEVEL)


def compressors(dictionary: zstandard.ZstdCompressionDict) -> dict[str, tuple[Program, Program]]:
    """Return the two directions of each file compressor."""
    with_dictionary = zstandard.ZstdCompressor(level=LEVEL, dict_data=dictionary)
    return {
        "gzip -9": (lambda data: gzip.compress(data, 9), gzip.decompress),
        "xz -9e": (lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME), lzma.decompress),
        "zstd -19": (zstandard.ZstdCompressor(level=LEVEL).compress, zstandard.ZstdDecompressor().decompress),
        "zstd -19, dictionary": (
            with_dictionary.compress,
            zstandard.ZstdDecompressor(dict_data=dictionary).decompress,
        ),
    }


def row(name: str, size: int, num_bytes: int, compressing: float | None, decompressing: float | None) -> dict[str, Any]:
    """Return, and print, what a method came to."""
    speeds = [None if seconds is None else num_bytes / seconds / 1e6 for seconds in (compressing, decompressing)]
    shown = "".join(f"{'' if speed is None else f'{speed:.3f}':>10}" for speed in speeds)
    print(f"{name:<22}{size:>10,}{8 * size / num_bytes:>9.4f}{shown}")
    return {
        "name": name,
        "bytes": size,
        "bpb": 8 * size / num_bytes,
        "megabytes_per_second_compressing": speeds[0],
        "megabytes_per_second_decompressing": speeds[1],
    }


def measure_compressor(name: str, programs: tuple[Program, Program], data: bytes, num_bytes: int) -> dict[str, Any]:
    """Return what a file compressor makes of the lines."""
    started = time.perf_counter()
    packed = programs[0](data)
    middle = time.perf_counter()
    assert programs[1](packed) == data
    return row(name, len(packed), num_bytes, middle - started, time.perf_counter() - middle)


def measure_model(name: str, documents: Sequence[str], num_bytes: int) -> dict[str, Any]:
    """Return what a model makes of the documents."""
    proof = prove(LanguageModel.from_pretrained(name), documents)
    assert proof.is_identical
    measured = row(name, proof.file_bytes, num_bytes, proof.seconds_compress, proof.seconds_decompress)
    return measured | {"coded_bits": proof.coded_bits, "ideal_bits": proof.ideal_bits}


def measure_ngram(train: Sequence[str], test: Sequence[str], num_bytes: int) -> dict[str, Any]:
    """Return what counting bytes in the training part comes to."""
    bits = math.fsum(NGramModel.train(train, ORDER).bits(test).tolist())
    return row(f"order {ORDER}, bits alone", math.ceil(bits / 8), num_bytes, None, None)


def measure_messages(
    models: Sequence[str], documents: Sequence[str], dictionary: zstandard.ZstdCompressionDict
) -> dict[str, float]:
    """Return the mean bytes of documents that are compressed one by one."""
    bare = {"write_content_size": False, "write_checksum": False, "write_dict_id": False}
    format_ = zstandard.FORMAT_ZSTD1_MAGICLESS
    parameters = zstandard.ZstdCompressionParameters.from_level(LEVEL, format=format_, **bare)
    sizes = {"as it is": [len(to_bytes(text)) for text in documents]}
    for name, known in {"zstd -19": None, "zstd -19, dictionary": dictionary}.items():
        compressor = zstandard.ZstdCompressor(dict_data=known, compression_params=parameters)
        sizes[name] = [len(compressor.compress(to_bytes(text))) for text in documents]
    for name in models:
        model = LanguageModel.from_pretrained(name)
        packed = [compress_message(model, text) for text in documents]
        assert [decompress_message(model, data) for data in packed] == [*documents]
        sizes[name] = list(map(len, packed))
    means = {name: statistics.mean(each) for name, each in sizes.items()}
    for name, mean in means.items():
        print(f"{name:<22}{mean:>10.1f} bytes a message")
    return means


def main() -> None:
    """Measure every method and write the results."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--models", nargs="+", default=bundled_models())
    arguments = parser.parse_args()
    source = read_documents(arguments.files) if arguments.files else generate_bios()
    parts = split_documents(drop_exact_duplicates(source))
    num_bytes = sum(len(to_bytes(text)) for text in parts.test)
    lines = b"".join(to_bytes(text) + b"\n" for text in parts.test)
    dictionary = dictionary_of(parts.train)
    print(f"{'':<22}{'bytes':>10}{'bpb':>9}{'MB/s in':>10}{'MB/s out':>10}")
    rows = [measure_compressor(name, each, lines, num_bytes) for name, each in compressors(dictionary).items()]
    rows.append(measure_ngram(parts.train, parts.test, num_bytes))
    rows += [measure_model(name, parts.test, num_bytes) for name in arguments.models]
    told = {
        "source": [path.name for path in arguments.files] or "embedded bios",
        "documents": len(parts.test),
        "bytes": num_bytes,
        "results": rows,
        "messages": MESSAGES,
        "bytes_per_message": measure_messages(arguments.models, parts.test[:MESSAGES], dictionary),
    }
    write_results(arguments.output, told)


if __name__ == "__main__":
    main()
