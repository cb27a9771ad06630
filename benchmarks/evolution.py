"""Evolution with a predictor, against that of Once-for-All's release.

    git clone https://github.com/mit-han-lab/once-for-all
    python benchmarks/evolution.py --ofa=once-for-all

Both search Once-for-All's space of MobileNet v3 under a budget of
multiply-adds with the settings of the release (populations of 100, a quarter
of them parents, half of the children mutants, genes mutate with 0.1 and the
resolution with 0.5) and with a predictor of three layers of 400 units, each
side its own. It needs PyTorch, and runs the release as it is; torchvision,
which that imports for other purposes, need not be there.

Seconds are those of the processor, so that other work on the machine counts
less. Run it with one thread: OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1.
"""

import argparse
import os
import statistics
import sys
import time
import types

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from keras_elastic import families
from keras_elastic.selection import Budget
from keras_elastic.selection import EvolutionSearch
from keras_elastic.selection.predictor import AccuracyPredictor
from keras_elastic.selection.predictor import PredictedScore

FAMILY = families.get("ofa_mobilenet_v3")
SAMPLES = 500
# Modules of the release, and what it imports, that the search does not use.
UNUSED = (
    "torchvision",
    "torchvision.datasets",
    "torchvision.transforms",
    "torchvision.transforms.functional",
    "ofa.utils.my_dataloader",
    "ofa.imagenet_classification.data_providers",
    "ofa.imagenet_classification.run_manager",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ofa", required=True, help="checkout of the release")
    parser.add_argument("--flops", type=float, default=150e6)
    parser.add_argument("--generations", type=int, default=500)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    sides = {
        "keras_elastic": make_ours(arguments.flops, arguments.generations),
        "OFA": make_theirs(
            arguments.ofa, arguments.flops, arguments.generations
        ),
    }
    seconds = {name: [] for name in sides}
    for _ in range(arguments.runs):
        for name, search in sides.items():
            start = time.process_time()
            best = search()
            seconds[name].append(time.process_time() - start)
            print(f"{name}: {seconds[name][-1]:.2f} s, {best}", flush=True)
    pairs = zip(*seconds.values(), strict=True)
    ratio = statistics.median(theirs / ours for ours, theirs in pairs)
    print(f"OFA's takes {ratio:.1f} times as long; load {os.getloadavg()}")


def target(encoded):
    """A made-up accuracy: the more, the larger every gene."""
    choices = [values for _, values in FAMILY.space.genes]
    low, high = (np.array([c[end] for c in choices]) for end in (0, -1))
    shares = (encoded - low) / np.maximum(high - low, 1)
    weights = np.random.default_rng(0).uniform(0.2, 1, len(choices))
    return 0.6 + 0.2 * np.sqrt(shares) @ weights / weights.sum()


def samples():
    return FAMILY.space.sample_encoded(np.random.default_rng(1), SAMPLES)


def make_ours(flops, generations):
    predictor = AccuracyPredictor(FAMILY.space)
    predictor.fit(samples(), target(samples()), epochs=20)
    score = PredictedScore(predictor)
    search = EvolutionSearch(population=100, generations=generations)

    def run():
        [found] = search.search(FAMILY, 1000, score, [Budget(flops=flops)])
        return f"{found.costs.flops / 1e6:.1f} M, {score(found.arch):.4f}"

    return run


def make_theirs(path, flops, generations):
    sys.path.insert(0, path)
    for name in UNUSED:
        sys.modules.setdefault(name, Unused(name))
    import torch
    from ofa.imagenet_classification.elastic_nn.networks import OFAMobileNetV3
    from ofa.nas import accuracy_predictor
    from ofa.nas.efficiency_predictor import Mbv3FLOPsModel
    from ofa.nas.search_algorithm import EvolutionFinder

    network = OFAMobileNetV3(
        ks_list=[3, 5, 7], expand_ratio_list=[3, 4, 6], depth_list=[2, 3, 4]
    )
    encoder = accuracy_predictor.MobileNetArchEncoder(
        image_size_list=list(FAMILY.space.resolution)
    )
    predictor = accuracy_predictor.AccuracyPredictor(encoder, device="cpu")
    fit_theirs(torch, predictor)
    finder = EvolutionFinder(
        Mbv3FLOPsModel(network), predictor, max_time_budget=generations
    )

    def run():
        with torch.no_grad():
            _, best = finder.run_evolution_search(flops / 1e6)
        return f"{best[2]:.1f} M, {best[0]:.4f}"

    return run


def fit_theirs(torch, predictor):
    """The release has no training of its predictor."""
    genes = [FAMILY.space.unstack(row) for row in samples()]
    features = [
        predictor.arch_encoder.arch2feature(
            {
                "ks": list(row.kernel_size),
                "e": list(row.expand_ratio),
                "d": list(row.depth),
                "image_size": row.resolution,
            }
        )
        for row in genes
    ]
    inputs = torch.tensor(np.array(features)).float()
    targets = torch.tensor(target(samples())).float()
    predictor.base_acc.data[:] = targets.mean()
    optimizer = torch.optim.Adam(predictor.layers.parameters(), 1e-3)
    for _ in range(150):
        optimizer.zero_grad()
        (predictor(inputs) - targets).square().mean().backward()
        optimizer.step()


class Unused(types.ModuleType):
    """A module whose every name is a class of nothing."""

    __path__ = ()
    __all__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


if __name__ == "__main__":
    main()
