"""The layers: what a library includes is in its LINK list, and a public header is one that another library uses."""

import re

from conftest import ROOT

INCLUDE = re.compile(r'^#include "retmask/([a-z_]+)/([a-z_0-9/]+\.h(?:pp)?)"', re.MULTILINE)
SOURCES = (".h", ".cpp", ".cu", ".cuh")


def link_lists():
    """Of each library its direct links: {"model": {"checkpoint", "kernels"}, ..}."""
    links = {}
    for path in sorted(ROOT.glob("src/*/CMakeLists.txt")):
        text = path.read_text()
        declared = re.search(r"retmask_library\((\w+)(.*?)\n?\)", text, re.DOTALL)
        if declared and declared[1] == path.parent.name:
            links[declared[1]] = set(re.findall(r"retmask_(\w+)", declared[2]))
    return links


def reachable(links, library):
    found, ahead = set(), [library]
    while ahead:
        for other in links.get(ahead.pop(), ()):
            if other not in found:
                found.add(other)
                ahead.append(other)
    return found


def files_of(folder):
    folders = [ROOT / "src" / folder, ROOT / "include/retmask" / folder]
    return [path for place in folders for path in place.rglob("*") if path.suffix in SOURCES]


def test_includes_follow_the_link_lists():
    links = link_lists()
    assert len(links) > 15
    wrong = []
    for library in links:
        allowed = reachable(links, library) | {library}
        for path in files_of(library):
            for folder, header in INCLUDE.findall(path.read_text()):
                if folder not in allowed and library != "cli":
                    wrong.append(f"{path.relative_to(ROOT)} includes {folder}/{header}, which {library} does not link")
    assert not wrong, "\n".join(wrong)


def test_commands_do_not_know_each_other():
    commands = {"detect", "mask", "synthesize", "train", "eval"}
    links = link_lists()
    for command in commands:
        assert not reachable(links, command) & commands, command


def test_files_of_synthesize_include_in_one_direction():
    """A file and its header are one topic; topics that include each other can only be read together."""
    include = re.compile(r'^#include "(?:retmask/synthesize/)?([a-z_]+)\.h"', re.MULTILINE)
    below = {}
    for path in files_of("synthesize"):
        below.setdefault(path.stem, set()).update(set(include.findall(path.read_text())) - {path.stem})
    assert len(below) > 5
    while below:
        lowest = [topic for topic, others in below.items() if not others & below.keys()]
        assert lowest, f"in a circle, or above one: {sorted(below)}"
        for topic in lowest:
            del below[topic]


def test_public_headers_are_used_by_others():
    """What only its own library includes belongs into src."""
    used = {}
    for top in ("src", "include/retmask"):
        for path in (ROOT / top).rglob("*"):
            if path.suffix not in SOURCES:
                continue
            owner = path.relative_to(ROOT / top).parts[0]
            for folder, header in INCLUDE.findall(path.read_text()):
                used.setdefault((folder, header), set()).add((owner, top))
    private = []
    for path in sorted((ROOT / "include/retmask").rglob("*.h")):
        key = (path.relative_to(ROOT / "include/retmask").parts[0], "/".join(path.relative_to(ROOT / "include/retmask").parts[1:]))
        # A public header may need another one of its own library.
        if not any(owner != key[0] or top == "include/retmask" for owner, top in used.get(key, ())):
            private.append(str(path.relative_to(ROOT)))
    assert not private, "\n".join(private)


def test_nothing_includes_all_of_libtorch():
    """torch/torch.h costs a file seven seconds of compilation beyond torch/types.h, which has the tensors."""
    folders = [ROOT / name for name in ("src", "include", "tests")]
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in SOURCES]
    assert len(files) > 500
    assert not [str(path) for path in files if re.search(r"^#include <torch/(torch|all)\.h>", path.read_text(), re.MULTILINE)]
