"""The zoo: networks by name and budget, and the folders that hold them."""

from keras_elastic import lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "basisnet_run": ["run_basisnet"],
        "dsnet_run": ["run_dsnet"],
        "entry": ["Entry", "remember_recipe", "write_entry", "write_model"],
        "evaluation": [
            "check_same_classes",
            "epoch_batches",
            "make_front",
            "make_scorer",
            "scored_rows",
            "test_batches",
            "time_front",
        ],
        "fronts": ["load_archs"],
        "half_weights": ["round_weights"],
        "initial": ["load_initial", "recipe_initial"],
        "listing": ["ModelSummary", "ModelTable", "list_models"],
        "loading": [
            "load",
            "load_supernet",
            "load_teacher",
            "select",
        ],
        "preset": ["is_preset", "save_preset", "uncompiled"],
        "places": ["entry_names", "find_entry", "recipe_file", "zoo_folder"],
        "recipes": [
            "check_recipe",
            "make_search",
            "read_recipe",
            "spread_budgets",
        ],
    },
)
