import pickle

import numpy as np
import pytest

from keras_elastic.zoo.imports.checkpoints import plain_names
from keras_elastic.zoo.imports.checkpoints import read_checkpoint

torch = pytest.importorskip("torch")


@pytest.mark.parametrize(
    "name, plain",
    [
        ("module.first_conv.conv.weight", "first_conv.conv.weight"),
        ("first_conv.bn.bn.weight", "first_conv.bn.weight"),
        (
            "blocks.1.mobile_inverted_conv.depth_conv.conv.conv.weight",
            "blocks.1.depth_conv.conv.weight",
        ),
        (
            "blocks.1.conv.inverted_bottleneck.bn.bn.bias",
            "blocks.1.inverted_bottleneck.bn.bias",
        ),
        ("input_stem.1.conv.conv.conv.weight", "input_stem.1.conv.weight"),
        ("input_stem.1.conv.bn.bn.weight", "input_stem.1.conv.bn.weight"),
        ("classifier.linear.linear.bias", "classifier.linear.bias"),
        (
            "blocks.3.depth_conv.conv.7to5_matrix",
            "blocks.3.depth_conv.conv.7to5_matrix",
        ),
    ],
)
def test_names_without_wrappers(name, plain):
    assert list(plain_names({name: np.zeros(1)})) == [plain]


def test_two_names_of_one_weight():
    weights = {"a.bn.bn.bias": np.zeros(1), "a.bn.bias": np.zeros(1)}
    with pytest.raises(ValueError, match="once"):
        plain_names(weights)


@pytest.mark.parametrize(
    "wrap", [dict, lambda w: {"state_dict": w, "epoch": 3}]
)
def test_a_file_of_tensors(tmp_path, wrap):
    path = tmp_path / "weights.pth"
    half = torch.tensor([0.5, 1.0], dtype=torch.float16)
    torch.save(wrap({"a.weight": half, "a.steps": torch.tensor(3)}), path)
    found = read_checkpoint(path)
    assert found["a.weight"].dtype == "float32"
    np.testing.assert_array_equal(found["a.weight"], [0.5, 1.0])
    assert found["a.steps"] == 3


class Harm:
    """Writes a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_nothing_of_a_file_is_run(tmp_path):
    path, mark = tmp_path / "weights.pth", tmp_path / "mark"
    torch.save({"a": Harm(str(mark))}, path)
    with pytest.raises(ValueError, match="more than tensors"):
        read_checkpoint(path)
    path.write_bytes(pickle.dumps(Harm(str(mark)), protocol=2))
    with pytest.raises(ValueError, match="more than tensors"):
        read_checkpoint(path)
    assert not mark.exists()


def test_files_that_are_no_weights(tmp_path):
    path = tmp_path / "weights.pth"
    with pytest.raises(ValueError, match="does not exist"):
        read_checkpoint(path)
    torch.save({"a": torch.zeros(1000)}, path)
    whole = path.read_bytes()
    for wrong in (whole[: len(whole) // 2], b"", b"<html>not found</html>"):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match="weights.pth"):
            read_checkpoint(path)
    torch.save({"a": torch.zeros(3), "b": "text"}, path)
    with pytest.raises(ValueError, match="dictionary of tensors"):
        read_checkpoint(path)
