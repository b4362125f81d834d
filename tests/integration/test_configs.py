"""configs/*.toml: accepted by every command."""

import pytest

from conftest import ROOT

COMMANDS = {
    "detect": [],
    "mask": ["--scores", "none.json"],
    "synthesize": ["--prompts", "none.jsonl", "--mask", "none.json"],
    "train-dpo": ["--pairs", "none.jsonl"],
    "eval": ["--suite", "niah"],
}


@pytest.mark.parametrize("config", sorted(path.name for path in (ROOT / "configs").glob("*.toml")))
@pytest.mark.parametrize("command", COMMANDS)
def test_config_is_accepted(retmask, tmp_path, command, config):
    """The only remaining error is the missing model."""
    done = retmask(command, "--config", ROOT / "configs" / config, "--model", "none", *COMMANDS[command],
                   "--out", tmp_path / "out", code=2, cwd=tmp_path)
    assert "none" in done.stderr and "toml" not in done.stderr
