"""A predictor of accuracy, learned from architectures that were scored."""

import dataclasses
import json
import os
import zipfile
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
from scipy import stats

from keras_elastic import checks
from keras_elastic import files
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import GeneTable
from keras_elastic.spaces import SearchSpace

# What is told of a predictor beside its network, in the network's file.
FACTS = "predictor.json"
HIDDEN_LAYERS = 3
# Of the samples, how many the report is on.
HELD_OUT = 0.2
# Fewer than two held-out samples have no order.
MIN_SAMPLES = 10
BATCH_SIZE = 64
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 1e-2


class PredictorReport(NamedTuple):
    """How well a predictor orders architectures that it was not trained on.

    `kendall`: Kendall's tau-b, in -1..1. `spearman`: Spearman's rank
    correlation, in -1..1. Both are nan where all predictions are equal.
    `error`: root of the mean squared error, in units of accuracy. `trained`,
    `held_out`: numbers of samples.
    """

    kendall: float
    spearman: float
    error: float
    trained: int
    held_out: int

    def __str__(self) -> str:
        return (
            f"Kendall's tau {self.kendall:.3f}, Spearman's rho "
            f"{self.spearman:.3f}, root mean squared error {self.error:.4f} "
            f"on {self.held_out} held-out architectures of "
            f"{self.trained + self.held_out}"
        )

    @classmethod
    def of(
        cls, predicted: np.ndarray, measured: np.ndarray, trained: int
    ) -> "PredictorReport":
        """Compares predictions with measurements.

        Args:
            predicted: Array of (count,), predicted accuracies.
            measured: Array of (count,), measured accuracies.
            trained: Integer. Samples that the predictor was trained on.

        Returns:
            `PredictorReport`.
        """
        kendall = spearman = float("nan")
        # The order of equal numbers is undefined, and SciPy warns of it.
        if np.ptp(predicted) and np.ptp(measured):
            kendall = float(stats.kendalltau(predicted, measured).statistic)
            spearman = float(stats.spearmanr(predicted, measured).statistic)
        error = float(np.sqrt(np.mean((predicted - measured) ** 2)))
        return cls(kendall, spearman, error, trained, len(measured))


class AccuracyPredictor:
    """Predicts the accuracy of architectures with a small network.

    One-hot genes, with zeros for the genes of blocks that are left out, pass
    three hidden layers. Scoring a subnet takes a calibration and an evaluation
    on thousands of images; a prediction takes microseconds, so that a search
    can look at tens of thousands of architectures.

    Reference:
    - Once-for-All (Cai et al., ICLR 2020), section 3.4 and the release: three
      hidden layers of 400 and ReLU, a constant base accuracy, 16,000 samples,
      of which 20 % are held out.

    Args:
        space: `SearchSpace` of the architectures.
        units: Integer. Units of a hidden layer.

    Example:

    >>> space = keras_elastic.families.get("bignas_digits").space
    >>> predictor = AccuracyPredictor(space)
    >>> rows = space.sample_encoded(np.random.default_rng(0), 50)
    >>> report = predictor.fit(rows, rows.sum(axis=1) / 1000, epochs=5)
    >>> report.held_out
    10
    >>> isinstance(predictor(space.smallest), float)
    True
    """

    def __init__(self, space: SearchSpace, units: int = 400):
        checks.positive_integer(units=units)
        self.space = space
        self.units = units
        self.report: PredictorReport | None = None
        self._genes = GeneTable(space)
        self._network: keras.Model | None = None

    def fit(
        self,
        archs: Sequence[Architecture] | np.ndarray,
        accuracies: Sequence[float] | np.ndarray,
        epochs: int = 100,
        seed: int = 0,
    ) -> PredictorReport:
        """Trains the predictor, anew, on a random 80 % of the samples.

        Args:
            archs: Architectures, or their encodings as an array of
                (count, genes). Equal ones count once.
            accuracies: Accuracy of each.
            epochs: Integer. Passes over the samples.
            seed: Integer, of the split, the first weights and the order.

        Returns:
            `PredictorReport` on the other 20 %; it is also `report`.

        Raises:
            ValueError: There are too few samples or they do not fit together.
        """
        checks.positive_integer(epochs=epochs)
        encoded, targets = self._check_samples(archs, accuracies)
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(targets))
        held_out, trained = np.split(order, [round(HELD_OUT * len(order))])
        base, scale = targets[trained].mean(), targets[trained].std() or 1.0
        network = self._train(
            self._genes.one_hot(encoded[trained]),
            (targets[trained] - base) / scale,
            epochs,
            rng,
        )
        # It learned shifted and scaled targets. Without its optimizer.
        back = keras.layers.Rescaling(float(scale), float(base))
        inputs = keras.Input(network.input_shape[1:])
        self._use(keras.Sequential([inputs, *network.layers, back]))
        predicted = self.predict(encoded[held_out])
        self.report = PredictorReport.of(
            predicted, targets[held_out], len(trained)
        )
        return self.report

    def predict(self, encoded: np.ndarray) -> np.ndarray:
        """Predicts the accuracy of encoded architectures.

        Args:
            encoded: Array of (count, genes).

        Returns:
            float64 array of (count,).

        Raises:
            ValueError: The predictor was not trained.
        """
        if self._network is None:
            raise ValueError(
                "The predictor has no weights. Call `fit`, or `load` one."
            )
        # By NumPy: a call of Keras takes longer than the arithmetic.
        values = self._genes.one_hot(np.asarray(encoded))
        *hidden, (kernel, bias) = self._weights
        for hidden_kernel, hidden_bias in hidden:
            values = np.maximum(values @ hidden_kernel + hidden_bias, 0)
        predicted = (values @ kernel + bias)[:, 0].astype("float64")
        back = self._network.layers[-1]
        return predicted * back.scale + back.offset

    def _use(self, network: keras.Model) -> None:
        """Takes the network of dense layers and, at the end, a rescaling."""
        self._network = network
        layers = network.layers[:-1]
        self._weights = [layer.get_weights() for layer in layers]

    def __call__(self, arch: Architecture) -> float:
        """Predicts the accuracy of an architecture."""
        return float(self.predict(self.space.encode(arch)[None])[0])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the network as `.keras`, with the report and the space.

        Raises:
            ValueError: The predictor was not trained, or `path` does not end
                in ".keras".
        """
        if self.report is None or self._network is None:
            raise ValueError("The predictor has no weights. Call `fit` first.")
        if not str(path).endswith(".keras"):
            raise ValueError(
                f"`path` must end in '.keras'. Received: path={str(path)!r}."
            )
        facts = {"space": _choices(self.space), "report": list(self.report)}
        with files.replacing(path, digest=True) as temporary:
            self._network.save(temporary)
            # Keras reads what it knows of the archive.
            with zipfile.ZipFile(temporary, "a") as archive:
                archive.writestr(FACTS, json.dumps(facts))

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], space: SearchSpace
    ) -> "AccuracyPredictor":
        """Reads what `save` wrote.

        Args:
            path: Path of the `.keras` file.
            space: `SearchSpace` that the predictor was trained for.

        Raises:
            ValueError: The file is not a predictor of this space.
        """
        path = files.as_path(path=path)
        facts = _read_facts(path)
        if facts["space"] != _choices(space):
            raise ValueError(
                f"The predictor in {str(path)!r} is of another space than "
                f"'{space.name}'. Train one for this space."
            )
        network = keras.saving.load_model(path)
        predictor = cls(space, units=network.layers[0].units)
        predictor._use(network)
        predictor.report = PredictorReport(*facts["report"])
        return predictor

    def _check_samples(self, archs, accuracies):
        targets = np.asarray(accuracies, "float64")
        if targets.ndim != 1 or len(targets) != len(archs):
            raise ValueError(
                "`accuracies` must hold one number for each of `archs`. "
                f"Received: {len(archs)} architectures and an array of shape "
                f"{targets.shape}."
            )
        if not np.isfinite(targets).all():
            raise ValueError(
                "`accuracies` must be finite. Received: "
                f"{np.sum(~np.isfinite(targets))} values that are not."
            )
        encoded = self._encode(archs)
        encoded, first = np.unique(encoded, axis=0, return_index=True)
        if len(encoded) < MIN_SAMPLES:
            raise ValueError(
                f"A predictor needs at least {MIN_SAMPLES} different "
                f"architectures. Received: {len(encoded)}. Score more."
            )
        if np.ptp(targets[first]) == 0:
            raise ValueError(
                "`accuracies` must differ, or there is nothing to learn. "
                f"Received: all are {targets[0]}."
            )
        return encoded, targets[first]

    def _encode(self, archs):
        if isinstance(archs, np.ndarray):
            return self._genes.canonical(archs)
        shape = (len(archs), len(self._genes.counts))
        encoded = [self.space.encode(arch) for arch in archs]
        return np.array(encoded, "int32").reshape(shape)

    def _train(self, features, targets, epochs, rng):
        batch = min(BATCH_SIZE, len(targets))
        steps = epochs * -(-len(targets) // batch)
        network = self._make_network(features.shape[1], rng)
        rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
        network.compile(
            optimizer=keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY),
            loss="mean_squared_error",
        )
        targets = targets.astype("float32")[:, None]
        for chosen in _batches(len(targets), batch, steps, rng):
            network.train_on_batch(features[chosen], targets[chosen])
        return network

    def _make_network(self, num_features, rng):
        seeds = rng.integers(2**31, size=HIDDEN_LAYERS + 1).tolist()

        def dense(units, activation):
            initializer = keras.initializers.HeNormal(seed=seeds.pop())
            return keras.layers.Dense(
                units, activation, kernel_initializer=initializer
            )

        hidden = [dense(self.units, "relu") for _ in range(HIDDEN_LAYERS)]
        inputs = keras.Input((num_features,))
        return keras.Sequential([inputs, *hidden, dense(1, None)])


@dataclasses.dataclass(frozen=True)
class PredictedScore:
    """Scores architectures by a predictor, for any search.

    A search then scores whole populations at once. What it selects has a
    predicted accuracy: measure the accuracy of what you keep.

    Args:
        predictor: `AccuracyPredictor`, trained.

    Example:

    ```python
    score = PredictedScore(predictor)
    evolution = EvolutionSearch(generations=500)
    [selection] = evolution.search(family, classes, score, [budget])
    ```
    """

    predictor: AccuracyPredictor

    def __call__(self, arch: Architecture) -> float:
        """Returns the predicted accuracy of an architecture."""
        return self.predictor(arch)

    def many(self, encoded: np.ndarray) -> list[float]:
        """Returns the predicted accuracies of encoded architectures."""
        return self.predictor.predict(encoded).tolist()


def _batches(count, batch, steps, rng):
    """Shuffled batches of one size: a last, smaller one would be compiled."""
    ahead = np.empty(0, int)
    for _ in range(steps):
        if len(ahead) < batch:
            ahead = np.concatenate([ahead, rng.permutation(count)])
        yield ahead[:batch]
        ahead = ahead[batch:]


def _choices(space) -> dict:
    """What tells spaces apart, whatever their names, as JSON values."""
    values = space.to_dict()
    del values["name"], values["labels"]
    return json.loads(json.dumps(values))


def _read_facts(path) -> dict:
    try:
        with zipfile.ZipFile(files.verified(path)) as archive:
            return json.loads(archive.read(FACTS))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(
            "`path` must be a file that `AccuracyPredictor.save` wrote. "
            f"Received: {str(path)!r} ({error}). Train a predictor and save it."
        ) from error
