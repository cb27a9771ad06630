"""Selecting architectures under a budget."""

from keras_elastic import lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "budget": ["Budget", "Limit"],
        "coarse_to_fine": ["CoarseToFine", "skeletons"],
        "containment": ["constrained", "contains"],
        "flips": [
            "FlipReport",
            "negative_flip_rate",
            "positive_flip_rate",
        ],
        "evolution": ["Evolution"],
        "front": ["Front", "FrontRow"],
        "latency_report": ["LatencyReport"],
        "latency_table": ["LatencyTable"],
        "latency_runtimes": ["measure_latency"],
        "latency_timing": ["LatencyTiming"],
        "nsga2": ["NSGA2Search"],
        "pareto": ["pareto_front"],
        "plots": ["plot_front"],
        "predictor": ["AccuracyPredictor", "PredictedScore"],
        "predictor_search": ["PredictorSearch"],
        "query_table": ["QueryTable", "QueryTableSearch"],
        "random_search": ["RandomSearch"],
        "regression_free": ["RegressionFree"],
        "scoring": ["Score", "Scorer"],
        "selection": ["Selection"],
        "slimming": ["GreedySlimming"],
    },
)
