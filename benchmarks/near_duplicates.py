"""Near-duplicate removal: time from 2,000 to 200,000 rows, and the MinHash libraries on the same rows.

    python benchmarks/near_duplicates.py [--rows 2000 20000 200000] [--output near_duplicates.json]

Rows are made up of random words: short records with a template, of which one in ten is a copy with one word changed.
`datasketch` is compared where it is installed.
"""

import argparse
import importlib
import json
import math
import platform
import random
import resource
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from clinforge.data import near
from clinforge.data.deduplicate import Deduplicate
from clinforge.data.likeness import Likeness
from clinforge.data.shingles import Hashes, jaccard, shingles, tokens
from clinforge.records import Document

WORDS = [
    a + b + c for a in ("ba", "ke", "li", "mo", "nu") for b in ("dra", "fel", "gin", "sto", "pru") for c in "abcdefgh"
]
HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 2000)]
TEMPLATE = "Patient record. Complaint: {} History: {} Assessment: {} Advice: follow up in clinic as agreed."
REPEATS = 3
MinHash = Callable[[Sequence[Hashes], int], Hashes]
"""(sets, permutations) -> a row of least values for each set."""


def record(draw: random.Random) -> str:
    """A short made-up record."""
    return TEMPLATE.format(*(" ".join(draw.choices(WORDS, k=k)) for k in (8, 16, 8)))


def records(count: int, seed: int = 0) -> list[Document]:
    """Records of which one in ten repeats an earlier one with one word changed."""
    draw = random.Random(seed)
    texts: list[str] = []
    for _ in range(count):
        if texts and draw.random() < 0.1:
            parts = draw.choice(texts).split()
            parts[draw.randrange(len(parts))] = draw.choice(WORDS)
            texts.append(" ".join(parts))
        else:
            texts.append(record(draw))
    return [
        Document(id=f"d{number}", text=text, lang="en", source="made up", source_id=str(number))
        for number, text in enumerate(texts)
    ]


def planted(similarity: float, pairs: int, lang: str, length: int = 120) -> list[tuple[Hashes, Hashes]]:
    """Pairs of texts whose Jaccard similarity is within 0.02 of this one."""
    draw, found = random.Random(f"{similarity}{lang}"), list[tuple[Hashes, Hashes]]()
    pool, size = (WORDS, 3) if lang == "en" else (HAN, 5)
    joint = " " if lang == "en" else ""
    while len(found) < pairs:
        parts = draw.choices(pool, k=length)
        other = list(parts)
        for place in draw.sample(range(length), draw.randrange(1, length // 4)):
            other[place] = draw.choice(pool)
        first, second = (shingles(tokens(joint.join(text)).hashes, size) for text in (parts, other))
        if abs(jaccard(first, second) - similarity) < 0.02:
            found.append((first, second))
    return found


def with_rensa(sets: Sequence[Hashes], permutations: int) -> Hashes:
    """MinHash values by rensa, as the package uses it."""
    return near._minhash(sets, permutations)


def with_datasketch(sets: Sequence[Hashes], permutations: int) -> Hashes:
    """MinHash values by datasketch, from the same hashes (it takes 32 bits of each)."""
    sketch = importlib.import_module("datasketch")
    first = sketch.MinHash(num_perm=permutations, seed=1, hashfunc=int)
    rows = []
    for own in sets:
        one = first.copy()
        one.update_batch((own & np.uint64(0xFFFFFFFF)).tolist())
        rows.append(one.hashvalues)
    return np.array(rows, dtype=np.uint64)


def libraries() -> dict[str, MinHash]:
    """Those that are installed."""
    found: dict[str, MinHash] = {"rensa": with_rensa}
    try:
        metadata.version("datasketch")
    except metadata.PackageNotFoundError:
        return found
    return {**found, "datasketch": with_datasketch}


def recall(minhash: MinHash, similarity: float, lang: str, pairs: int = 400) -> dict[str, float]:
    """Share of planted pairs proposed when the threshold is their similarity, and the error of the estimate."""
    likeness = Likeness(threshold=similarity)
    bands, values = likeness.bands
    texts = planted(similarity, pairs, lang)
    first, second = (minhash([pair[side] for pair in texts], likeness.permutations) for side in (0, 1))
    equal = first == second
    cut = equal[:, : bands * values].reshape(len(texts), bands, values)
    error = equal.mean(axis=1) - np.array([jaccard(*pair) for pair in texts])
    return {
        "recall": float(cut.all(axis=2).any(axis=1).mean()),
        "bias": float(error.mean()),
        "rmse": float(np.sqrt((error**2).mean())),
    }


def compare_libraries(result: dict[str, Any]) -> None:
    """Speed and recall of each library on the same sets."""
    made = [shingles(tokens(row.text).hashes, 3) for row in records(5000)]
    for name, minhash in libraries().items():
        result["versions"][name] = metadata.version(name)
        seconds: list[float] = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            minhash(made, 128)
            seconds.append(time.perf_counter() - start)
        result["minhash"][name] = seconds
        print(f"{name}_rows_per_second: {len(made) / min(seconds):.0f}")
        for lang in ("en", "zh"):
            for similarity in (0.7, 0.8, 0.9):
                found = result["recall"][f"{name} {lang} {similarity}"] = recall(minhash, similarity, lang)
                print(f"{name}_{lang}_{similarity}: " + " ".join(f"{key} {value:.4f}" for key, value in found.items()))
    if "datasketch" in result["minhash"]:
        result["ratio"] = min(result["minhash"]["datasketch"]) / min(result["minhash"]["rensa"])
        print(f"rensa_times_as_fast: {result['ratio']:.1f}")


def measure_growth(result: dict[str, Any], counts: Sequence[int]) -> None:
    """Time of the whole removal at each size, and the exponent of its growth."""
    for count in counts:
        rows = records(count)
        start = time.perf_counter()
        done = Deduplicate()(rows)
        seconds = result["seconds"][count] = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"seconds_{count}: {seconds:.2f} (kept {len(done.kept)}, {dict(done.dropped)}, peak {peak:.0f} MB)")
    if len(counts) > 1:
        logs = [math.log(count) for count in counts], [math.log(result["seconds"][count]) for count in counts]
        result["exponent"] = float(np.polyfit(*logs, 1)[0])
        print(f"exponent: {result['exponent']:.3f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[2000, 6300, 20_000, 63_000, 200_000])
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    result: dict[str, Any] = {"machine": platform.platform(), "python": platform.python_version()}
    result |= {"versions": {}, "minhash": {}, "recall": {}, "seconds": {}}
    compare_libraries(result)
    measure_growth(result, arguments.rows)
    if arguments.output:
        arguments.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
