"""Prints the README's table of families: size, multiply-adds, parameters.

python benchmarks/families_table.py
"""

from keras_elastic import families
from keras_elastic.spaces import costs

# The reduced spaces are for ten classes, the others for ImageNet's thousand.
REDUCED = ("bignas_cifar10", "bignas_digits", "ds_mobilenet_cifar10")


def main():
    for name in families.names():
        print("| " + " | ".join((f"`{name}`", *figures(name))) + " |")


def figures(name):
    """Returns size, multiply-adds and parameters as the table has them."""
    family = families.get(name)
    classes = 10 if name in REDUCED else 1000
    low, high = (
        costs(family.plan(arch, classes))
        for arch in (family.space.smallest, family.space.largest)
    )
    size = family.space.size
    return (
        f"{size:,}" if size < 10_000 else _scientific(size),
        _range(low.flops, high.flops),
        _range(low.params, high.params),
    )


def _scientific(size):
    mantissa, exponent = f"{size:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def _range(low, high):
    low, high = (_millions(value) for value in (low, high))
    return f"{low} M" if low == high else f"{low} to {high} M"


def _millions(value):
    millions = value / 1e6
    return f"{millions:,.0f}" if millions >= 1000 else f"{millions:.4g}"


if __name__ == "__main__":
    main()
