import command_runs

import keras_elastic as ke
from keras_elastic import zoo
from keras_elastic.zoo.writing import write_model

NAME = "bignas_digits"


def test_info(capsys):
    _, out, _ = command_runs.run(capsys, "info", NAME)
    entry = zoo.find_entry(NAME)
    assert f"{entry.family.space.size:,}" in out
    assert len([x for x in out.splitlines() if x.count("%") == 2]) == len(
        entry.front.rows
    )
    assert f"keras-elastic load {NAME} --flops=" in out


def test_an_entry_without_weights(capsys, tmp_path):
    write_model(
        tmp_path,
        name="new",
        family=ke.families.get(NAME),
        dataset="digits",
        class_names=("0", "1"),
    )
    status, out, _ = command_runs.run(capsys, "info", tmp_path)
    assert status == 0
    assert "not trained yet" in out
    assert "keras-elastic train --recipe=new" in out
    status, _, err = command_runs.run(capsys, "load", tmp_path, "--flops=1e6")
    assert status == 1 and "no trained weights yet" in err


def test_a_name_that_is_nearly_right(capsys):
    status, out, err = command_runs.run(capsys, "info", "bignas_cifr10")
    assert (status, out) == (1, "")
    assert "Did you mean 'bignas_cifar10'?" in err
