"""Selecting architectures under a budget."""

from keras_elastic import lazy

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
