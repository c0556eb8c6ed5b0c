"""The small parts alone: clock, timers, files, replication."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from lab.alicloud.http.wire import Parameters
from lab.alicloud.replication.replicator import CancelledRunError, Order, ReplicationError, Replicator
from lab.alicloud.world import settings
from lab.alicloud.world.clock import VirtualClock
from lab.alicloud.world.diskfiles import DiskFiles, copy_sparse, sha256_of, write_block
from lab.alicloud.world.timefmt import parse_duration, parse_timestamp
from lab.alicloud.world.timers import Timers
from tests.unit.lab.alicloud.harness import MIB, FakeDisk, FakeVms, RealTime

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def test_clock_scales_holds_and_never_goes_back() -> None:
    real = RealTime()
    clock = VirtualClock(60, START, real.monotonic, real.wall)
    real.offset = 10
    assert clock.now() == START + timedelta(minutes=10)
    clock.hold()
    real.offset = 20
    assert clock.now() == START + timedelta(minutes=10)
    clock.move_to(START)
    assert clock.now() == START + timedelta(minutes=10)
    clock.release()
    real.offset = 21
    assert clock.now() == START + timedelta(minutes=11)
    clock.set_scale(0)
    real.offset = 100
    assert clock.now() == START + timedelta(minutes=11)


def test_timers_fire_in_order_and_can_be_cancelled() -> None:
    timers, fired = Timers(), list[str]()
    timers.at(START + timedelta(hours=2), lambda: fired.append("late"))
    timers.at(START + timedelta(hours=1), lambda: fired.append("early"))
    timers.at(START + timedelta(hours=1), lambda: fired.append("early too"))
    timers.at(START, lambda: fired.append("never")).cancel()
    assert timers.next_due() == START + timedelta(hours=1)
    assert timers.take_due(START) is None
    while timer := timers.take_due(START + timedelta(days=1)):
        timer.action()
    assert fired == ["early", "early too", "late"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), (90, 90), ("1.5m", 90), ("6h", 21600), ("1d2h3m4s", 93784), ("7d", 604800)]
)
def test_durations(text: str | int, seconds: float) -> None:
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "soon", "6 h", "h6", "-1h"])
def test_invalid_durations(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


def test_both_wire_formats_of_time() -> None:
    assert parse_timestamp("2026-01-01T00:00:00Z") == parse_timestamp("2026-01-01T00:00Z") == START


def test_flattened_parameters() -> None:
    parameters = Parameters.from_request("Tag.2.Key=b&Tag.10.Key=c&Tag.1.Key=a&Tag.1.Value=x+y&Id.1=p&Id.2=&Flag=True")
    assert [item.text("Key") for item in parameters.objects("Tag")] == ["a", "b", "c"]
    assert parameters.objects("Tag")[0].text("Value") == "x y"
    assert parameters.texts("Id") == ["p"]
    assert parameters.boolean("Flag") is True
    assert parameters.below("Tag.1").name_of("Key") == "Tag.1.Key"


def test_sparse_files_stay_sparse(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    with source.open("wb") as handle:
        handle.truncate(64 * MIB)
        handle.seek(32 * MIB)
        handle.write(b"data" * 1024)
    copy_sparse(source, target)
    assert target.stat().st_size == 64 * MIB
    assert target.stat().st_blocks * 512 < MIB
    assert sha256_of(source, 64 * MIB) == sha256_of(target, 64 * MIB)


def test_blocks_of_zeros_are_not_written(tmp_path: Path) -> None:
    path, fresh = DiskFiles(tmp_path).replica("j", 2000, 8 * MIB)
    assert fresh
    with path.open("r+b") as handle:
        write_block(handle.fileno(), 0, bytes(4 * MIB))
        assert path.stat().st_blocks == 0
        write_block(handle.fileno(), MIB, b"x" * 4096)
        write_block(handle.fileno(), MIB, bytes(4096))
    assert path.read_bytes() == bytes(8 * MIB)


def order(vms: FakeVms, cancel: threading.Event, progress: list[tuple[int, int]], keep: bool = False) -> Order:
    return Order(
        job_id="j",
        moref="vm-1",
        snapshot_name="smc_j",
        image_id="m",
        disk_keys=[disk.key for disk in vms.vms["vm-1"]],
        change_ids={},
        cancel=cancel,
        keep_snapshot=lambda: keep,
        progress=lambda sent, total: progress.append((sent, total)),
    )


@pytest.fixture
def vms() -> FakeVms:
    disk = FakeDisk(2000, bytearray(4 * MIB))
    disk.write(0, b"a" * MIB)
    disk.write(2 * MIB, b"b" * MIB)
    return FakeVms({"vm-1": [disk]})


def test_progress_counts_bytes(tmp_path: Path, vms: FakeVms) -> None:
    progress: list[tuple[int, int]] = []
    (result,) = Replicator(vms, DiskFiles(tmp_path)).run(order(vms, threading.Event(), progress))
    assert progress == [(0, 2 * MIB), (MIB, 2 * MIB), (2 * MIB, 2 * MIB)]
    assert (result.bytes_sent, result.full, result.change_id) == (2 * MIB, True, "52 aa/1")
    assert result.file.read_bytes() == bytes(vms.vms["vm-1"][0].data)


def test_cancelled_copy_leaves_neither_snapshot_nor_image(tmp_path: Path, vms: FakeVms) -> None:
    cancel = threading.Event()
    vms.on_read = cancel.set
    with pytest.raises(CancelledRunError):
        Replicator(vms, DiskFiles(tmp_path)).run(order(vms, cancel, []))
    assert vms.snapshots == []
    assert not (tmp_path / "images" / "m").exists()


def test_snapshot_is_kept_only_on_request(tmp_path: Path, vms: FakeVms) -> None:
    cancel = threading.Event()
    vms.on_read = cancel.set
    with pytest.raises(CancelledRunError):
        Replicator(vms, DiskFiles(tmp_path)).run(order(vms, cancel, [], keep=True))
    assert vms.snapshots == ["smc_j"]


def test_missing_disk_is_a_failure_with_a_code(tmp_path: Path, vms: FakeVms) -> None:
    wanted = order(vms, threading.Event(), [])
    wanted.disk_keys.append(2001)
    with pytest.raises(ReplicationError) as failure:
        Replicator(vms, DiskFiles(tmp_path)).run(wanted)
    assert failure.value.code == "SourceServer.DiskNotFound"
    assert vms.snapshots == []


def test_readme_lists_every_switch_with_its_default_and_reason() -> None:
    readme = (Path(settings.__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    for name, choice in settings.SWITCHES.items():
        default = ("on" if choice.default else "off") if isinstance(choice.default, bool) else choice.default
        values = ", ".join(choice.allowed) or ("true, false" if isinstance(choice.default, bool) else "a number")
        assert f"| `{name}` | {default} | {values} | {choice.why} |" in readme
