"""Ways to find architectures under a budget, each a class `...Search`."""
