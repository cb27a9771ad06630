"""Chooses the networks of a cascade, and when the next one is asked."""

import dataclasses
import itertools
import os
from typing import Any

import numpy as np

from keras_elastic import checks
from keras_elastic.conditional.cascades.certainty import find_temperature
from keras_elastic.conditional.cascades.certainty import least_images
from keras_elastic.conditional.cascades.curve import CascadeCurve
from keras_elastic.conditional.cascades.curve import CascadeRow
from keras_elastic.conditional.cascades.held_out import check_held_out
from keras_elastic.conditional.cascades.held_out import in_batches
from keras_elastic.conditional.cascades.model import Cascade
from keras_elastic.models import heads
from keras_elastic.models.preparation import remember
from keras_elastic.selection.budget import short
from keras_elastic.selection.subnet_logits import SubnetLogits
from keras_elastic.zoo.places import find_supernet_entry

# Networks of a front that are tried in chains: the number of these grows with
# the third power.
_TRIED = 12


@dataclasses.dataclass(frozen=True)
class CascadeReport:
    """What was found out about a cascade on held-out images.

    Args:
        curve: `CascadeCurve` of its networks, on the images that the
            threshold was chosen on.
        chosen: `CascadeRow` of the chosen threshold.
        single_top1: Float in 0..1. Accuracy, on the same images, of the best
            network of the front that costs no more than `chosen` on average.
        best_top1: Float in 0..1. That of the best network of the front.
        images: Integer. Number of the images.
        promise: Sentence that says what holds with which probability, or
            `None` for a cascade that was chosen for a budget.
    """

    curve: CascadeCurve
    chosen: CascadeRow
    single_top1: float
    best_top1: float
    images: int
    promise: str | None = None

    def __str__(self):
        shares = ", ".join(f"{share:.0%}" for share in self.chosen.shares)
        oracle = self.curve.oracle()
        lines = [
            f"mean flops     {short(self.chosen.flops)} multiply-adds",
            f"top-1          {self.chosen.top1:.2%} of {self.images} held-out "
            "images",
            f"single network {self.single_top1:.2%} at no more, "
            f"{self.best_top1:.2%} at best",
            f"answered by    {shares} (threshold {self.chosen.threshold:.4g})",
            f"an oracle      {oracle.top1:.2%} at {short(oracle.flops)}",
        ]
        return "\n".join([*lines, *([self.promise] if self.promise else [])])


@checks.arguments(
    name_or_folder=checks.PATH,
    flops=checks.RATE | checks.NONE,
    points=checks.RATE | checks.NONE,
    probability=checks.FRACTION,
    most_networks=checks.choice((2, 3)),
)
def cascade(
    name_or_folder: str | os.PathLike[str],
    *,
    held_out: tuple[Any, Any],
    flops: float | None = None,
    points: float | None = None,
    probability: float = 0.9,
    most_networks: int = 3,
) -> Cascade:
    """Makes a cascade of the networks of an entry, for a mean budget.

    Most images are easy: a small network is sure of them, and right. The
    others go on to a larger one. So the mean of the multiply-adds is within a
    budget that the large network alone would exceed.

    The networks, their temperatures and the threshold are chosen on held-out
    images. With `points`, networks and temperatures are chosen on half of the
    images and the threshold on the others, so that the promise is one.

    Args:
        name_or_folder: Name of a zoo entry, or the folder of a run.
        held_out: Pair of arrays: images of shape (count, height, width, 3),
            square, with pixels in 0..255, and integer labels of shape
            (count,). Images that did not train the entry.
        flops: Number. Most multiply-adds of an image, on average.
        points: Number. Percentage points of top-1 that may be lost against
            the best network of the entry.
        probability: Float in 0..1. That the loss on other images of the same
            kind is at most `points`.
        most_networks: Integer, 2 or 3.

    Returns:
        A `Cascade`, compiled for evaluation. Its attribute `class_names` has
        the names of the classes, and `report` a `CascadeReport`.

    Raises:
        ValueError: Neither or both of `flops` and `points` are given; no
            cascade meets them (the reachable range is stated); there are too
            few images for `points`; the images or labels do not fit; or the
            entry has no weights.

    Example:

    ```python
    images, labels = my_held_out_photos()  # (count, 32, 32, 3), (count,)
    model = keras_elastic.cascade(
        "bignas_cifar10", flops=12e6, held_out=(images, labels)
    )
    print(model.report)
    keras_elastic.export.saved_model(model, "served/cascade")
    ```
    """
    _check_aim(flops, points, probability)
    entry = find_supernet_entry(name_or_folder)
    images, labels = check_held_out(held_out, entry.classes)
    if points is not None:
        _check_enough(len(labels) // 2, points / 100, probability)
    front = entry.front.rows
    if flops is not None:
        _check_budget(flops, front, entry.name)
    networks = _Networks(entry, images, labels)
    if points is not None:
        found = networks.cheapest(points / 100, probability, most_networks)
    else:
        found = networks.best_within(flops, most_networks)
    chain, temperatures, report = found
    model = Cascade(
        [
            entry.child(front[index].arch, entry.statistics(index))
            for index in chain
        ],
        report.chosen.threshold,
        temperatures,
        [front[index].flops for index in chain],
        name=f"{entry.name}_cascade",
    )
    model.class_names = entry.class_names
    remember(model, entry.preparation)
    model.report = report
    return heads.compile_classifier(model)


class _Networks:
    """The networks of a front and their logits for held-out images."""

    def __init__(self, entry, images, labels):
        rows = entry.front.rows
        # Evenly over the front, its ends included.
        count = min(len(rows), _TRIED)
        tried = np.linspace(0, len(rows) - 1, count).round().astype(int)
        self.labels = labels
        self.flops = {int(i): rows[i].flops for i in tried}
        subnets = SubnetLogits(entry.supernet())
        self.logits = {
            i: in_batches(
                subnets.subnet(rows[i].arch, entry.statistics(i)), images
            )
            for i in self.flops
        }

    def _best_chain(self, rate, most):
        """The best of all pairs, or of what one network more makes of it.

        Args:
            rate: Function from a chain to a tuple, larger for a better one,
                or to `None` for one that will not do.
            most: Integer, 2 or 3 networks.

        Returns:
            The chain, or `None` if none will do.
        """
        pairs = list(itertools.combinations(self.flops, 2))
        rates = {chain: rate(chain) for chain in pairs}
        rates = {chain: r for chain, r in rates.items() if r is not None}
        if rates and most > 2:
            pair = max(rates, key=rates.get)
            for one in set(self.flops) - set(pair):
                chain = tuple(sorted((*pair, one)))
                rated = rate(chain)
                if rated is not None:
                    rates[chain] = rated
        # Of equal ones the first, which has fewer networks.
        return max(rates, key=rates.get) if rates else None

    def _curve(self, chain, temperatures, part):
        logits = [self.logits[i][part] / temperatures[i] for i in chain]
        flops = [self.flops[i] for i in chain]
        return CascadeCurve(logits, self.labels[part], flops)

    def _temperatures(self, part):
        return {
            i: find_temperature(logits[part], self.labels[part])
            for i, logits in self.logits.items()
        }

    def _right(self, index, part):
        return self.logits[index][part].argmax(axis=-1) == self.labels[part]

    def _best(self, part, flops=float("inf")):
        """The most accurate network within a budget, and its accuracy."""
        fitting = [i for i, cost in self.flops.items() if cost <= flops]
        top1 = {i: float(self._right(i, part).mean()) for i in fitting}
        best = max(top1, key=top1.get)
        return best, top1[best]

    def best_within(self, flops, most):
        """The chain of the highest accuracy at a mean cost."""
        part = slice(None)
        temperatures = self._temperatures(part)

        def rate(chain):
            if self.flops[chain[0]] > flops:
                return None
            row = self._curve(chain, temperatures, part).best_within(flops)
            return row.top1, -row.flops

        chain = self._best_chain(rate, most)
        curve = self._curve(chain, temperatures, part)
        row = curve.best_within(flops)
        report = self._report(curve, row, part)
        return chain, [temperatures[i] for i in chain], report

    def cheapest(self, tolerance, probability, most):
        """The chain of the least mean cost that keeps a promise."""
        # Held-out images may lie in the order of their classes.
        order = np.random.default_rng(0).permutation(len(self.labels))
        choosing, promising = np.array_split(order, 2)
        temperatures = self._temperatures(choosing)
        best, _ = self._best(choosing)
        right = self._right(best, choosing)

        def rate(chain):
            curve = self._curve(chain, temperatures, choosing)
            row = curve.promised(right, tolerance, probability)
            return None if row is None else (-row.flops,)

        chain = self._best_chain(rate, most)
        if chain is None:
            raise ValueError(_no_promise(tolerance, probability, right))
        curve = self._curve(chain, temperatures, promising)
        right = self._right(best, promising)
        row = curve.promised(right, tolerance, probability)
        if row is None:
            raise ValueError(_no_promise(tolerance, probability, right))
        promise = (
            f"With a probability of {probability:.0%} at most "
            f"{100 * tolerance:.4g} points of top-1 are lost against "
            "the best network, on other images of the same kind."
        )
        report = self._report(curve, row, promising, promise)
        return chain, [temperatures[i] for i in chain], report

    def _report(self, curve, row, part, promise=None):
        return CascadeReport(
            curve=curve,
            chosen=row,
            single_top1=self._best(part, row.flops)[1],
            best_top1=self._best(part)[1],
            images=len(self.labels[part]),
            promise=promise,
        )


def _check_aim(flops, points, probability):
    if (flops is None) == (points is None):
        raise ValueError(
            "Exactly one of `flops`, the mean budget, and `points`, the loss "
            f"of top-1 that is allowed, must be given. Received: flops={flops} "
            f"and points={points}."
        )
    if points is not None and points >= 100:
        raise ValueError(
            "`points` must be percentage points of top-1, below 100. "
            f"Received: points={points}. Pass 0.5 for half a point."
        )
    if not 0 < probability < 1:
        raise ValueError(
            "`probability` must be above 0 and below 1. "
            f"Received: probability={probability}. Pass such as 0.9."
        )


def _check_enough(images, tolerance, probability):
    least = least_images(tolerance, probability)
    if images < least:
        raise ValueError(
            f"`held_out` must hold at least {2 * least} images for a loss of "
            f"{100 * tolerance:.4g} points with a probability of "
            f"{probability:.0%}: half of them choose the networks, and the "
            f"other half must not fit by chance. Received: {2 * images}. Hold "
            "more images out, or allow a larger loss."
        )


def _check_budget(flops, front, name):
    least, most = front[0].flops, front[-1].flops
    if flops < least:
        raise ValueError(
            f"`flops` must be at least {short(least)}, what the cheapest "
            f"network of '{name}' takes. Received: flops={short(flops)}."
        )
    if flops >= most:
        raise ValueError(
            f"`flops` must be below {short(most)}, what the largest network "
            f"of '{name}' takes for every image. Received: "
            f"flops={short(flops)}. Use that alone: "
            f'`keras_elastic.load("{name}", flops={most})`.'
        )


def _no_promise(tolerance, probability, right):
    return (
        f"No cascade surely loses at most {100 * tolerance:.4g} points "
        f"with a probability of {probability:.0%} on {len(right)} images. "
        "Hold more images out, allow a larger loss, or a lower probability."
    )
