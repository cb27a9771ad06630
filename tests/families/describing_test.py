"""Tests of `families/table.py`, too."""

import dataclasses

import pytest

from keras_elastic import families


def described(capsys, *arguments, **options):
    families.describe(*arguments, **options)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("name", families.names())
def test_every_gene_and_choice_is_there(name, capsys):
    head, _, *rows, flops, params = described(capsys, name)
    space = families.get(name).space
    assert head == f"{name}: {space.size:,} architectures"
    text = "\n".join(rows)
    for gene, choices in (space.genes[0], space.genes[-1]):
        assert gene in text
        assert str(choices[0]) in text and str(choices[-1]) in text
    assert flops.endswith("M multiply-adds (1000 classes)")
    assert params.startswith("params")


def test_genes_with_the_same_choices_share_a_line(capsys):
    lines = described(capsys, "bignas")
    [line] = [line for line in lines if line.startswith("kernel_size[2]")]
    assert line.split() == (
        "kernel_size[2] to kernel_size[6] stage 3 to stage 7 3 5".split()
    )


def test_a_family_that_is_not_registered_can_be_described(capsys):
    family = dataclasses.replace(families.get("bignas"), name="mine")
    assert described(capsys, family, classes=5)[0].startswith("mine: ")


def test_an_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match="bignas_digits"):
        families.describe("nothing")
