"""Shared fixtures of the integration tests: the built program, the models and a command runner."""

import dataclasses
import fcntl
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


# Files that take minutes. They start first, in this order, so that the test processes end at about the same time.
LONG_FILES = ["detect", "detect_certainty", "avx2", "train_ranks", "trl", "train", "slurm", "tokenizer", "eval", "model", "synthesize", "masked_text"]


@pytest.hookimpl(trylast=True)  # after pytest has grouped tests by parameters of session fixtures
def pytest_collection_modifyitems(items):
    rank = {f"test_{name}.py": number for number, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes minutes on two cores; part of the normal run all the same")


@dataclasses.dataclass(frozen=True)
class Retmask:
    """The program under test."""

    binary: pathlib.Path

    def __call__(self, *args, code=0, **options):
        """Runs `retmask ARGS...` and returns the completed process; fails unless the exit code is `code` (None: any).

        `options` are those of subprocess.run; standard input is empty unless one of them gives it.
        """
        command = [str(self.binary), *map(str, args)]
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, **options)
        if code is not None and done.returncode != code:
            pytest.fail(f"exit code {done.returncode}, expected {code}: {' '.join(command)}\n{done.stdout}\n{done.stderr}")
        return done


@pytest.fixture(scope="session")
def retmask():
    """The release build unless RETMASK_BINARY is set."""
    binary = pathlib.Path(os.environ.get("RETMASK_BINARY", ROOT / "build/release/retmask"))
    if not binary.is_file():
        pytest.fail(f"{binary} is not built; run scripts/build.sh")
    return Retmask(binary)


@pytest.fixture(scope="session")
def demo_model():
    """The checkpoint folder of SmolLM2-135M-Instruct."""
    made = subprocess.run([ROOT / "scripts/demo_model.sh"], check=True, stdout=subprocess.PIPE, text=True)
    return ROOT / made.stdout.strip()


@pytest.fixture(scope="session", params=["llama", "qwen3", "olmo3"])
def tiny_model(request):
    """The committed random checkpoint folder of each family in turn."""
    return ROOT / "tests/golden/tiny" / request.param


@pytest.fixture(scope="session")
def tiny_llama():
    return ROOT / "tests/golden/tiny/llama"


@pytest.fixture
def model(tiny_llama, tmp_path):
    """A checkpoint folder that the test may change: 4 layers with 4 heads, at most 2,048 positions."""
    return shutil.copytree(tiny_llama, tmp_path / "model")


@pytest.fixture(scope="session")
def shared():
    """The folder with real tokenizers, the official needles and prompts; RETMASK_SHARED overrides its location."""
    folder = pathlib.Path(os.environ.get("RETMASK_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"the shared data folder {folder} is not here")
    return folder


@pytest.fixture(scope="session")
def official_needles(shared):
    """Flags of the published needles and haystacks, without lengths."""
    folder = shared / "reference/haystack_for_detect"
    return ["--needles", folder / "needles.jsonl", "--haystack", folder, "--depths", 5, "--dtype", "float32", "--device", "cpu"]


@pytest.fixture(scope="session")
def official_grid(official_needles):
    """Flags of the 30 reference samples."""
    return [*official_needles, "--lengths", "512,1024"]


@pytest.fixture(scope="session")
def smollm2_detection(retmask, demo_model, official_grid, tmp_path_factory):
    """Output of a detection on SmolLM2-135M-Instruct. Takes minutes, so all test processes of a run share one."""
    shared_by_workers = "PYTEST_XDIST_WORKER" in os.environ
    folder = tmp_path_factory.getbasetemp().parent if shared_by_workers else tmp_path_factory.mktemp("smollm2")
    out = folder / "smollm2-detect"
    with open(folder / "smollm2-detect.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # The second call finds all samples in samples.jsonl and does not run the model.
        retmask("detect", "--model", demo_model, *official_grid, "--out", out)
    return out
