"""Commands in an instance: a real shell, the instance's files and disks, and nothing of this machine."""

from __future__ import annotations

import ctypes
import hashlib
import socket
from datetime import datetime, timezone
from pathlib import Path

import pytest

from lab.alicloud.guest import commands
from lab.alicloud.guest.commands import Outcome, run_command
from lab.alicloud.guest.guest import Device, Guest, console_log
from lab.alicloud.world.records import GIB
from tests.unit.lab.alicloud.harness import MIB

LANDLOCK = ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1)
HOST = "app1.example.com"


@pytest.fixture
def content() -> bytes:
    return b"boot" + bytes(MIB) + b"end"


@pytest.fixture
def guest(tmp_path: Path, content: bytes) -> Guest:
    file = tmp_path / "system.img"
    file.write_bytes(content)
    return Guest(
        host_name=HOST,
        instance_id="i-1",
        image_id="m-1",
        image_name="image-1",
        os_name="Debian GNU/Linux 12",
        os_type="linux",
        architecture="x86_64",
        booted=datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc),
        boots=True,
        devices={
            "/dev/vda": Device("vda", 20 * GIB, "system", file),
            "/dev/vdb": Device("vdb", 40 * GIB, "data"),
        },
        files={"/etc/hostname": f"{HOST}\n", "/proc/cmdline": "root=/dev/vda ro\n"},
        services=frozenset({"ssh"}),
    )


def run(guest: Guest, script: str, timeout: float = 60) -> Outcome:
    return run_command(guest, script, timeout)


def test_disks_are_the_bytes_of_the_image(guest: Guest, content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    assert run(guest, "sha256sum /dev/vda").output == f"{digest}  /dev/vda\n".encode()
    assert run(guest, f"head -c {len(content)} /dev/vda | sha256sum | grep {digest}").exit_code == 0
    assert run(guest, "tail -c 3 /dev/vda").output == b"end"
    zeros = hashlib.sha256(bytes(5 * MIB)).hexdigest()
    assert run(guest, "head -c 5M /dev/vdb | sha256sum").output.decode().split()[0] == zeros


def test_a_command_changes_a_copy_of_the_disks(guest: Guest, content: bytes) -> None:
    assert run(guest, "echo overwritten > /dev/vda; head -c 4 /dev/vda").output == b"over"
    assert run(guest, "head -c 4 /dev/vda").output == b"boot"


def test_file_of_a_deleted_image_cannot_be_read(guest: Guest) -> None:
    file = guest.devices["/dev/vda"].file
    assert file is not None
    file.unlink()
    assert run(guest, "sha256sum /dev/vda") == Outcome(1, b"sha256sum: /dev/vda: No such file or directory\n", 0.0)


def test_devices_files_and_services_are_those_of_the_instance(guest: Guest) -> None:
    script = """
    # as a user would check
    set -eu
    test -b /dev/vda && [ -b "/dev/vdb" ] && test ! -e /dev/vdc && ! test -b /dev/vdc
    test -f /etc/hostname && test -s /etc/hostname && test -d /etc
    mountpoint -q / && ! mountpoint -q /data
    grep -q root=/dev/vda /proc/cmdline
    systemctl is-active --quiet ssh.service && systemctl is-enabled -q ssh
    [ "$HOSTNAME" = app1.example.com ] && [ "$PWD" = /root ] && [ "$(whoami)" = root ]
    for disk in /dev/vd?; do test -r "$disk"; done
    if [ "$(blockdev --getsize64 /dev/vdb)" -ne 42949672960 ]; then exit 9; fi
    """
    assert run(guest, script) == Outcome(0, b"", 0.0)
    assert run(guest, "systemctl is-active mysql") == Outcome(3, b"inactive\n", 0.0)
    assert run(guest, "systemctl is-enabled mysql") == Outcome(4, b"not-found\n", 0.0)
    assert run(guest, "systemctl is-system-running") == Outcome(0, b"running\n", 0.0)
    assert run(guest, "systemctl restart ssh").exit_code == 1
    assert run(guest, "hostname; uname -sr; uname -n").output.decode().split("\n")[:2] == [HOST, "Linux 6.1.0-28-amd64"]
    assert run(guest, "lsblk").output.decode().splitlines() == [
        "NAME            SIZE TYPE MOUNTPOINTS",
        "vda              20G disk /",
        "vdb              40G disk ",
    ]
    assert run(guest, "lsblk -bn vdb").output.split()[:2] == [b"vdb", b"42949672960"]
    assert run(guest, "lsblk /dev/vdz").exit_code == 32
    assert run(guest, "blockdev --getsize64 /dev/vdz").exit_code == 1


def test_paths_of_the_scratch_directory_are_not_shown(guest: Guest) -> None:
    assert run(guest, "pwd; echo $HOME; ls /etc/*; cat /etc/passwd").output.decode().splitlines() == [
        "/root",
        "/root",
        "/etc/hostname",
        "cat: /etc/passwd: No such file or directory",
    ]
    assert run_command(guest, "pwd", 60, "/var/lib/mysql").output == b"/var/lib/mysql\n"
    assert run_command(guest, "pwd", 60, "../../var").output == b"/var\n"
    assert (
        run(guest, "echo x | sed 's/x/a\\/etc/'; echo http://localhost/etc/x").output
        == b"a/etc\nhttp://localhost/etc/x\n"
    )


@pytest.mark.parametrize(
    ("script", "code", "output"),
    [
        ("exit 7", 7, b""),
        ("set -e\nfalse\necho never", 1, b""),
        ("echo shown; echo too >&2; false", 1, b"shown\ntoo\n"),
        ("kill -9 $$", 137, b""),
        ("#!/bin/bash\nset -o pipefail; false | true", 1, b""),
        ("read line; echo \"got $line\"", 0, b"got \n"),
    ],
)  # fmt: skip
def test_exit_code_and_output_are_the_shells(guest: Guest, script: str, code: int, output: bytes) -> None:
    assert run(guest, script) == Outcome(code, output, 0.0)


@pytest.mark.parametrize(
    "command", ["mysqldump", "rm -rf /data", "reboot", "curl http://localhost", "systemd-run true"]
)
def test_what_the_instance_does_not_have_is_not_found(guest: Guest, command: str) -> None:
    answer = run(guest, command)
    assert (answer.exit_code, b"not found" in answer.output) == (127, True)


def test_sleep_is_virtual_and_ends_at_the_timeout(guest: Guest) -> None:
    assert run(guest, "echo a; sleep 58.5; sleep 1s; echo b") == Outcome(0, b"a\nb\n", 59.5)
    assert run(guest, "echo a; sleep 30; (sleep 2m; echo b); echo c") == Outcome(None, b"a\n", 60)


def test_a_command_that_does_not_end_is_ended(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_REAL_SECONDS", 0.5)
    assert run(guest, "echo a; while :; do :; done") == Outcome(None, b"a\n", 60)


def test_output_has_a_limit(guest: Guest) -> None:
    answer = run(guest, "cat /dev/zero")
    assert answer.exit_code
    assert len(answer.output) == 16 * MIB
    assert run(guest, "cat /dev/zero | head -c 3") == Outcome(0, bytes(3), 0.0)


def test_environment_is_clean(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret-5d1e")
    answer = run(guest, "env; ls -a /root")
    assert (answer.exit_code, b"secret-5d1e" in answer.output) == (0, False)


def around(path: Path) -> str:
    """A shell word that names a file of this machine, and that is not recognized as a path of the instance."""
    return f"/''{str(path).removeprefix('/')}"


@pytest.mark.skipif(LANDLOCK < 1, reason="this kernel has no Landlock")
def test_files_of_this_machine_are_out_of_reach(guest: Guest, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("secret-5d1e")
    tmp_path.chmod(0o777)
    precious.chmod(0o666)
    for script in ("cat {}", "echo x > {}", "ls {}/..", "touch {}.new", "sed -i s/s/t/ {}"):
        answer = run(guest, script.format(around(precious)))
        assert (answer.exit_code, b"secret-5d1e" in answer.output) != (0, True), script
        assert answer.exit_code, script
    assert precious.read_text() == "secret-5d1e"
    assert {path.name for path in tmp_path.iterdir()} == {"precious", "system.img"}
    assert run(guest, "cat /''etc/passwd").exit_code


@pytest.mark.skipif(LANDLOCK < 4, reason="this kernel's Landlock does not know TCP")
def test_tcp_is_out_of_reach(guest: Guest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        script = f"#!/bin/bash\nexec 3<>/dev/tcp/127.0.0.1/{server.getsockname()[1]}"
        assert b"Permission denied" in run(guest, script).output


def test_powershell_has_a_few_commands(guest: Guest, content: bytes) -> None:
    guest.os_type = "windows"
    assert run(guest, "Write-Output 'hello'; hostname") == Outcome(0, f"hello\r\n{HOST}\r\n".encode(), 0.0)
    assert run(guest, "exit 3") == Outcome(3, b"", 0.0)
    digest = hashlib.sha256(content).hexdigest().upper()
    assert run(guest, r"Get-FileHash \\.\PhysicalDrive0").output == f"SHA256 {digest}\r\n".encode()
    assert run(guest, r"Get-FileHash \\.\PhysicalDrive7").exit_code == 1
    answer = run(guest, "Format-Volume")
    assert (answer.exit_code, b"does not know this command" in answer.output) == (1, True)


def test_console_shows_a_failed_start(guest: Guest) -> None:
    log = console_log(guest)
    assert log.endswith(f"{HOST} login: ")
    assert all(text in log for text in ("m-1", "image-1", "[vdb]", "40 GiB", "ssh.service"))
    guest.boots = False
    failed = console_log(guest)
    assert ("Kernel panic" in failed, "login:" in failed) == (True, False)
