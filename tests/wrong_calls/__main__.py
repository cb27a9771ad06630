"""Prints what becomes of wrong calls, for all or for some public names.

python tests/wrong_calls [NAME ...]
"""

import collections
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
sys.path[:0] = [str(pathlib.Path(__file__).parents[1])]


def main(names):
    from wrong_calls import doors

    totals = collections.Counter()
    print(f"{'public name':<44} {'clear':>5} {'raw':>5} {'wrong':>5}")
    details = []
    for door in doors():
        if names and door.name not in names:
            continue
        counts = collections.Counter()
        for argument, value, kind, error in door.results():
            counts[kind] += 1
            if kind != "clear":
                shown = " ".join(f"{argument}={value!r}".split())[:60]
                details.append(
                    f"{kind:<6} {door.name}({shown}) {error[:150]!r}"
                )
        totals += counts
        print(
            f"{door.name:<44} {counts['clear']:>5} {counts['raw']:>5} "
            f"{counts['wrong']:>5}",
            flush=True,
        )
    print("\n".join(details))
    every = sum(totals.values())
    print(f"{every} calls: {dict(totals)}, {totals['clear'] / every:.1%} clear")


if __name__ == "__main__":
    main(sys.argv[1:])
