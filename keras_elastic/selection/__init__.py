"""Selecting architectures under a budget."""

import typing

from keras_elastic import lazy

if typing.TYPE_CHECKING:
    from keras_elastic.selection.budget import Budget as Budget
    from keras_elastic.selection.budget import Limit as Limit
    from keras_elastic.selection.containment import constrained as constrained
    from keras_elastic.selection.containment import contains as contains
    from keras_elastic.selection.flips import FlipReport as FlipReport
    from keras_elastic.selection.flips import (
        negative_flip_rate as negative_flip_rate,
    )
    from keras_elastic.selection.flips import (
        positive_flip_rate as positive_flip_rate,
    )
    from keras_elastic.selection.front import Front as Front
    from keras_elastic.selection.front import FrontRow as FrontRow
    from keras_elastic.selection.latency.runtimes import (
        measure_latency as measure_latency,
    )
    from keras_elastic.selection.latency.table import (
        LatencyReport as LatencyReport,
    )
    from keras_elastic.selection.latency.table import (
        LatencyTable as LatencyTable,
    )
    from keras_elastic.selection.plots import plot_front as plot_front
    from keras_elastic.selection.predictor import (
        AccuracyPredictor as AccuracyPredictor,
    )
    from keras_elastic.selection.scoring import Scorer as Scorer
    from keras_elastic.selection.searches.candidates import Search as Search
    from keras_elastic.selection.searches.candidates import (
        Selection as Selection,
    )
    from keras_elastic.selection.searches.coarse_to_fine import (
        CoarseToFineSearch as CoarseToFineSearch,
    )
    from keras_elastic.selection.searches.evolution import (
        EvolutionSearch as EvolutionSearch,
    )
    from keras_elastic.selection.searches.nsga2 import (
        NSGA2Search as NSGA2Search,
    )
    from keras_elastic.selection.searches.predictor_search import (
        PredictorSearch as PredictorSearch,
    )
    from keras_elastic.selection.searches.query_table import (
        QueryTableSearch as QueryTableSearch,
    )
    from keras_elastic.selection.searches.random_search import (
        RandomSearch as RandomSearch,
    )
    from keras_elastic.selection.searches.regression_free import (
        RegressionFreeSearch as RegressionFreeSearch,
    )
    from keras_elastic.selection.searches.slimming import (
        SlimmingSearch as SlimmingSearch,
    )

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "budget": ["Budget", "Limit"],
        "containment": ["constrained", "contains"],
        "flips": [
            "FlipReport",
            "negative_flip_rate",
            "positive_flip_rate",
        ],
        "front": ["Front", "FrontRow"],
        "latency.runtimes": ["measure_latency"],
        "latency.table": ["LatencyReport", "LatencyTable"],
        "plots": ["plot_front"],
        "predictor": ["AccuracyPredictor"],
        "scoring": ["Scorer"],
        "searches.candidates": ["Search", "Selection"],
        "searches.coarse_to_fine": ["CoarseToFineSearch"],
        "searches.evolution": ["EvolutionSearch"],
        "searches.nsga2": ["NSGA2Search"],
        "searches.predictor_search": ["PredictorSearch"],
        "searches.query_table": ["QueryTableSearch"],
        "searches.random_search": ["RandomSearch"],
        "searches.regression_free": ["RegressionFreeSearch"],
        "searches.slimming": ["SlimmingSearch"],
    },
)
