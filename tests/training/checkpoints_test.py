import keras
import numpy as np
import pytest

from keras_elastic.training.checkpoints import Checkpoints


def make_variables(seed=0, names=("kernel", "bias")):
    rng = np.random.default_rng(seed)
    return [
        keras.Variable(rng.normal(size=(3, 4)), name=name) for name in names
    ]


def make_checkpoints(folder, variables):
    return Checkpoints(folder, {v.name: v for v in variables})


def values(variables):
    return [variable.numpy() for variable in variables]


def test_restores_the_same_bits(tmp_path):
    variables = make_variables(0)
    steps = keras.Variable(2**60 + 1, dtype="int64", name="steps")
    make_checkpoints(tmp_path, [*variables, steps]).save(7)
    others = make_variables(1)
    other_steps = keras.Variable(0, dtype="int64", name="steps")
    again = make_checkpoints(tmp_path, [*others, other_steps])
    assert again.restore() == 7
    np.testing.assert_array_equal(values(others), values(variables))
    assert int(other_steps) == 2**60 + 1


def test_the_order_of_variables_does_not_matter(tmp_path):
    variables = make_variables()
    expected = values(variables)
    make_checkpoints(tmp_path, variables).save(0)
    for variable in variables:
        variable.assign(np.zeros((3, 4)))
    make_checkpoints(tmp_path, variables[::-1]).restore()
    np.testing.assert_array_equal(values(variables), expected)


def test_an_empty_folder_changes_nothing(tmp_path):
    variables = make_variables()
    before = values(variables)
    assert make_checkpoints(tmp_path / "new", variables).restore() is None
    np.testing.assert_array_equal(values(variables), before)


def test_keeps_the_last_two(tmp_path):
    variables = make_variables()
    checkpoints = make_checkpoints(tmp_path, variables)
    for step in (0, 5, 9, 10):
        checkpoints.save(step)
    # Ten comes after nine, as numbers do and names do not.
    assert checkpoints.steps == [9, 10]
    assert {path.name for path in tmp_path.iterdir()} == {
        *("step-9.npz", "step-9.npz.sha256"),
        *("step-10.npz", "step-10.npz.sha256"),
    }


def test_the_same_step_is_saved_again(tmp_path):
    variables = make_variables()
    checkpoints = make_checkpoints(tmp_path, variables)
    checkpoints.save(3)
    variables[0].assign(np.ones((3, 4)))
    checkpoints.save(3)
    variables[0].assign(np.zeros((3, 4)))
    assert checkpoints.restore() == 3
    np.testing.assert_array_equal(variables[0], np.ones((3, 4)))


def test_other_files_are_ignored(tmp_path):
    others = [
        "final.weights.h5",
        "step-9.npz.part",
        "step-x.npz",
        "statistics.npz",
        "my-step-99.npz",
        "checkpoint",
    ]
    for name in others:
        (tmp_path / name).write_text("something else")
    checkpoints = make_checkpoints(tmp_path, make_variables())
    assert checkpoints.restore() is None
    for step in (1, 2, 3):
        checkpoints.save(step)
    assert checkpoints.restore() == 3
    assert all((tmp_path / name).exists() for name in others)


@pytest.mark.parametrize("part", [0, 0.1, 0.5, 0.95])
def test_a_truncated_file_is_named(tmp_path, part):
    variables = make_variables()
    checkpoints = make_checkpoints(tmp_path, variables)
    checkpoints.save(1)
    checkpoints.save(2)
    path = tmp_path / "step-2.npz"
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    before = values(variables)
    with pytest.raises(ValueError, match=r"step-2\.npz.*damaged.*Delete it"):
        checkpoints.restore()
    np.testing.assert_array_equal(values(variables), before)
    # What the message says helps.
    path.unlink()
    assert checkpoints.restore() == 1


def test_an_altered_file_is_named(tmp_path):
    checkpoints = make_checkpoints(tmp_path, make_variables())
    checkpoints.save(1)
    path = tmp_path / "step-1.npz"
    content = bytearray(path.read_bytes())
    # Within the numbers of the first array.
    content[content.index(b"NUMPY") + 140] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"step-1\.npz.*damaged"):
        checkpoints.restore()


def test_pickled_objects_are_refused(tmp_path):
    with open(tmp_path / "step-1.npz", "wb") as file:
        np.savez(file, kernel=np.array([object()]), bias=np.zeros((3, 4)))
    with pytest.raises(ValueError, match=r"step-1\.npz.*damaged"):
        make_checkpoints(tmp_path, make_variables()).restore()


@pytest.mark.parametrize(
    "names, named",
    [
        (("kernel",), "'bias': .3, 4. there and None here"),
        (("kernel", "bias", "gamma"), "'gamma': None there and .3, 4. here"),
        (("kernel", "offset"), "2 variables.*'bias'"),
    ],
)
def test_other_variables_are_named(tmp_path, names, named):
    make_checkpoints(tmp_path, make_variables()).save(1)
    others = make_variables(names=names)
    before = values(others)
    with pytest.raises(ValueError, match=f"`folder` must hold.*{named}"):
        make_checkpoints(tmp_path, others).restore()
    np.testing.assert_array_equal(values(others), before)


def test_another_shape_is_named(tmp_path):
    make_checkpoints(tmp_path, make_variables()).save(1)
    variables = make_variables(names=("kernel",))
    variables.append(keras.Variable(np.zeros(4), name="bias"))
    with pytest.raises(ValueError, match=r"'bias': \(3, 4\) there and \(4,\)"):
        make_checkpoints(tmp_path, variables).restore()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_is_finite(tmp_path, value):
    variables = make_variables()
    checkpoints = make_checkpoints(tmp_path, variables)
    assert checkpoints.is_finite()
    poisoned = np.zeros((3, 4))
    poisoned[1, 2] = value
    variables[1].assign(poisoned)
    assert not checkpoints.is_finite()


def test_nothing_is_left_of_a_failed_save(tmp_path, monkeypatch):
    def fail(file, **arrays):
        file.write(b"half")
        raise OSError("The disk is full.")

    checkpoints = make_checkpoints(tmp_path, make_variables())
    checkpoints.save(1)
    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="disk is full"):
        checkpoints.save(2)
    assert [path.name for path in tmp_path.glob("*.npz")] == ["step-1.npz"]
    assert len(list(tmp_path.iterdir())) == 2
