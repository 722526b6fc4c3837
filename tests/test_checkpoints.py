"""Checkpoints: what is read back, and what is refused without being run."""

import io
import os
import pickle
import resource
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from barlowmatch.checkpoints import load_checkpoint, load_plain, save_checkpoint
from barlowmatch.errors import InputError


def good(path: Path) -> Path:
    save_checkpoint(path, {"stage": "pretrain", "backbone": {"w": torch.arange(6.0).view(2, 3)}})
    return path


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    checkpoint = load_checkpoint(good(tmp_path / "a.pt"))
    assert torch.equal(checkpoint["backbone"]["w"], torch.arange(6.0).view(2, 3))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.pt"]


@pytest.fixture
def no_large_files() -> Iterator[None]:
    """Have the system refuse files of more than 64 KiB, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("no_large_files")
@pytest.mark.parametrize("count", [20_000, 2_000_000])
def test_a_checkpoint_that_does_not_fit_is_an_error_of_one_line(tmp_path: Path, count: int) -> None:
    before = good(tmp_path / "a.pt").read_bytes()
    with pytest.raises(InputError, match=r"a\.pt: cannot be written \(File too large\)"):
        save_checkpoint(tmp_path / "a.pt", {"backbone": {"w": torch.zeros(count)}})
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.pt", before)]


def test_code_in_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "was-run"),)

    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(Evil()))
    torch.save({"schema": 1, "backbone": Evil()}, tmp_path / "evil.pt")
    for name in ("plain.pkl", "evil.pt"):
        with pytest.raises(InputError, match=f"{name}: holds more than tensors and plain values and was not run"):
            load_checkpoint(tmp_path / name)
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize("within", [dict, list, tuple])
def test_a_tensor_larger_than_its_file_is_refused(tmp_path: Path, within: type) -> None:
    large = torch.zeros(1).expand(10**9)
    kept = {"w": large} if within is dict else within([0, large])
    torch.save({"schema": 1, "backbone": {"part": kept}}, tmp_path / "strides.pt")
    with pytest.raises(InputError, match="declares"):
        load_checkpoint(tmp_path / "strides.pt")


@pytest.mark.filterwarnings("ignore:.*(Sparse|nested tensors|TypedStorage|quantize).*:UserWarning")
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: torch.eye(3).to_sparse(), "sparse_coo"),
        (lambda: torch.eye(3).to_sparse_csr(), "sparse_csr"),
        (lambda: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]), "nested"),
        (lambda: torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8), "quantized"),
        (lambda: torch.zeros(3, device="meta"), "meta"),
    ],
)
def test_a_tensor_that_is_not_dense_is_refused(tmp_path: Path, make: Callable[[], torch.Tensor], kind: str) -> None:
    """torch.load lets them pass, and what is asked of a dense one raises anything for them."""
    torch.save({"schema": 1, "backbone": {"w": make()}}, tmp_path / "a.pt")
    with pytest.raises(InputError, match=rf"a\.pt: holds a tensor that is {kind}; save dense ones"):
        load_checkpoint(tmp_path / "a.pt")


def test_what_holds_itself_or_is_deep_is_walked_to_its_end(tmp_path: Path) -> None:
    large = torch.zeros(1).expand(10**9)
    endless: list[Any] = []
    endless += [endless, {"again": endless}]
    deep: list[Any] = [large]
    for _ in range(5_000):
        deep = [deep]
    many: list[Any] = [torch.zeros(1)]
    for _ in range(60):  # walked place by place, it had 2⁶⁰ tensors
        many = [many, many]
    for name, content in (("endless", endless), ("many", many)):
        (tmp_path / f"{name}.pt").write_bytes(saved({"schema": 1, "backbone": {}, "more": content}))
        assert load_checkpoint(tmp_path / f"{name}.pt")["schema"] == 1
    for content in (deep, [endless, large]):
        (tmp_path / "large.pt").write_bytes(saved({"schema": 1, "backbone": content}))
        with pytest.raises(InputError, match=r"large\.pt: a tensor declares 1,000,000,000 values"):
            load_checkpoint(tmp_path / "large.pt")


def saved(content: Any) -> bytes:
    """Return a file of torch.save; the pickler of a process goes only as deep as its stack."""
    before, buffer = sys.getrecursionlimit(), io.BytesIO()
    sys.setrecursionlimit(100_000)
    try:
        torch.save(content, buffer)
    finally:
        sys.setrecursionlimit(before)
    return buffer.getvalue()


def test_weights_that_parts_share_count_once(tmp_path: Path) -> None:
    """As those of tied layers: together they declare more than the file holds."""
    shared = torch.arange(20_000.0)
    save_checkpoint(tmp_path / "a.pt", {"backbone": {f"part {number}": shared for number in range(5)}})
    assert all(torch.equal(part, shared) for part in load_checkpoint(tmp_path / "a.pt")["backbone"].values())


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    source = good(tmp_path / "a.pt")
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(tmp_path / "z.pt", "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            new.writestr(member.filename, old.read(member))
    with pytest.raises(InputError, match="compressed"):
        load_checkpoint(tmp_path / "z.pt")


def test_a_storage_longer_than_its_record_is_refused(tmp_path: Path) -> None:
    """Older versions of torch hand out memory beyond the record; the length stands in the pickle as an integer."""
    source = tmp_path / "a.pt"
    save_checkpoint(source, {"backbone": {"w": torch.arange(77.0).view(7, 11)}})
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(tmp_path / "long.pt", "w", zipfile.ZIP_STORED) as new:
        for member in old.infolist():
            content = old.read(member)
            if member.filename.endswith("data.pkl"):
                assert content.count(b"K\x4d") == 1, "the storage's length"
                content = content.replace(b"K\x4d", b"J\x00\x00\x00\x10")
            new.writestr(member.filename, content)
    with pytest.raises(InputError, match=r"long\.pt: (declares|not a checkpoint)"):
        load_checkpoint(tmp_path / "long.pt")


def test_large_class_ids_are_no_sizes(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a.pt", {"backbone": {}, "classes": [{"id": 2**53 - 1, "name": "cat"}]})
    assert load_checkpoint(tmp_path / "a.pt")["classes"][0]["id"] == 2**53 - 1


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04broken"])
def test_a_damaged_file_is_named_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.pt").write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.pt") as complaint:
        load_checkpoint(tmp_path / "bad.pt")
    assert "\n" not in str(complaint.value)


@pytest.mark.parametrize("content", [b'{"classes": []}', b"\x89PNG\r\n\x1a\n", b"image,class\n", b"not a checkpoint"])
def test_a_file_of_another_kind_is_not_said_to_hold_code(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other.pt").write_bytes(content)
    with pytest.raises(InputError, match=r"other\.pt: not a checkpoint"):
        load_checkpoint(tmp_path / "other.pt")


def test_a_cut_checkpoint_is_refused(tmp_path: Path) -> None:
    path = good(tmp_path / "a.pt")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"a\.pt"):
        load_checkpoint(path)


def test_foreign_and_newer_files_say_the_way_out(tmp_path: Path) -> None:
    for content in ({"conv1.weight": torch.zeros(3)}, {"backbone": {}}, {"schema": 1}, [1]):
        torch.save(content, tmp_path / "foreign.pt")
        with pytest.raises(InputError, match="--weights"):
            load_checkpoint(tmp_path / "foreign.pt")
    torch.save({"schema": 99, "backbone": {}}, tmp_path / "newer.pt")
    with pytest.raises(InputError, match="newer version"):
        load_checkpoint(tmp_path / "newer.pt")
    with pytest.raises(InputError, match="no such"):
        load_checkpoint(tmp_path / "missing.pt")


@pytest.mark.parametrize("archive", [True, False])
def test_plain_tensors_are_read(tmp_path: Path, archive: bool) -> None:
    """As old versions of torch saved them too: one pickle, no archive."""
    buffer = io.BytesIO()
    torch.save(torch.arange(5), buffer, _use_new_zipfile_serialization=archive)
    (tmp_path / "labels.pt").write_bytes(buffer.getvalue())
    assert load_plain(tmp_path / "labels.pt").tolist() == [0, 1, 2, 3, 4]
