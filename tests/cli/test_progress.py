import io

from rich.console import Console

from clinforge.cli.progress import stage_progress


def test_without_a_terminal_each_stage_leaves_plain_lines():
    out = io.StringIO()
    with stage_progress(Console(file=out, width=100)) as progress:
        progress.start("dataset")
        progress("samples", 1, 2)
        progress.finish("2 samples")
    lines = out.getvalue().splitlines()
    assert lines[0] == "dataset ..."
    assert lines[1].startswith("dataset: samples 1/2, about ")
    assert "2 samples" in lines[-1]


def test_on_a_terminal_a_stage_has_a_bar_while_it_runs():
    out = io.StringIO()
    with stage_progress(Console(file=out, width=100, force_terminal=True)) as progress:
        progress.start("adapter")
        progress("loss 0.5", 1, 2)
        progress.finish("done")
    assert "adapter" in out.getvalue()
    assert "done" in out.getvalue()
