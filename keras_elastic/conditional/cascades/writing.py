"""Writes a cascade as an entry, with the front of its thresholds."""

import numpy as np

from keras_elastic import checks
from keras_elastic.conditional.cascades.curve import CascadeCurve
from keras_elastic.conditional.cascades.held_out import check_held_out
from keras_elastic.conditional.cascades.held_out import predict
from keras_elastic.conditional.entry import MODEL
from keras_elastic.conditional.entry import write_entry
from keras_elastic.conditional.mean_front import rows_of
from keras_elastic.models import class_names


def write_cascade(model, folder, dataset, test):
    """Writes an entry; see `Cascade.write_entry`."""
    checks.string(dataset=dataset)
    report = getattr(model, "report", None)
    if report is None:
        raise ValueError(
            "A front needs what was measured on held-out images, the `report` "
            f"of the cascade. Received: {model.name!r}, which has none. Make "
            "it with `keras_elastic.cascade`."
        )
    curve = None
    if test is not None:
        images, labels = check_held_out(test, model.classes, "test")
        logits = [
            predict(network, images) / temperature
            for network, temperature in zip(
                model.networks, model.temperatures, strict=True
            )
        ]
        curve = CascadeCurve(logits, labels, model.flops)
    return write_entry(
        folder,
        kind="cascade",
        name=model.name,
        dataset=dataset,
        class_names=class_names.find(model),
        models={MODEL: model},
        rows=rows_of(report.curve, curve, MODEL),
        most_flops=np.sum(model.flops),
    )
