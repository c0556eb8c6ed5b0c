"""The stand-ins for a shell and for PowerShell, on a guest of the test's own."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest

from lab.alicloud.guest.guest import Device, Guest, console_log
from lab.alicloud.guest.powershell import PowerShell
from lab.alicloud.guest.shell import Outcome, Shell
from lab.alicloud.world.records import GIB
from tests.unit.lab.alicloud.harness import MIB


@pytest.fixture
def content() -> bytes:
    return b"boot" + bytes(MIB) + b"end"


@pytest.fixture
def guest(tmp_path: Path, content: bytes) -> Guest:
    file = tmp_path / "system.img"
    file.write_bytes(content)
    return Guest(
        host_name="app1.example.com",
        instance_id="i-1",
        image_id="m-1",
        image_name="image-1",
        os_name="Debian GNU/Linux 12",
        os_type="linux",
        architecture="x86_64",
        booted=datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc),
        boots=True,
        devices={
            "/dev/vda": Device("vda", 20 * GIB, "system", file, len(content)),
            "/dev/vdb": Device("vdb", 40 * GIB, "data"),
        },
        files={"/etc/hostname": "app1.example.com\n", "/proc/cmdline": "root=/dev/vda ro\n"},
        services=frozenset({"ssh"}),
    )


def run(guest: Guest, script: str, timeout: float = 60) -> Outcome:
    return Shell(guest, timeout).run(script)


# What a real shell answers is asked of a real one below: these scripts need nothing of the simulated guest.
PLAIN_SCRIPTS = [
    "true",
    "false",
    "exit 7",
    "false; exit",
    "echo a b  c",
    "echo 'a  b' \"c d\" e\\ f",
    "echo -n x; echo y",
    "true && echo yes || echo no",
    "false && echo yes || echo no",
    "true || echo skipped && echo then",
    "false || false || echo third",
    "false && echo a && echo b; echo $?",
    "! false && echo inverted",
    "NAME=world; echo hello $NAME ${NAME}! '$NAME' \"$NAME\"",
    "echo a # b\necho c",
    "echo a;echo b\n\necho d",
    "set -e\nfalse\necho never",
    "set -e\nfalse || true\necho on",
    "set -eu\nfalse && true\necho on",
    "echo hidden >/dev/null; echo shown 2>&1",
    "echo hidden >/dev/null 2>&1 && echo done",
    "echo hidden>/dev/null;echo x",
    "no-such-command-here 2>/dev/null; echo $?",
    "test 1 -lt 2 && [ 2 -ge 2 ] && [ a != b ] && test -n x && [ ! -z x ] && echo all",
    "[ -z '' ] && [ a = a ] || echo no",
    "test",
    "echo one two | grep -q two && echo found",
    "echo one | grep three; echo $?",
    "echo abc | wc -c | grep -c 4",
    "echo abc | head -c 2",
    "echo abc | cat | sha256sum",
    "false | true; echo $?",
    "sleep 0 && echo slept",
    "echo a \\\n b",
    "! true; echo $?",
    "set -u\nX=1\necho a$X ${X}\nset +u\necho b$NOT_SET",
    "echo \"a \\\"b\\\" \\$HOME\"",
]  # fmt: skip


@pytest.mark.parametrize("script", PLAIN_SCRIPTS)
def test_answers_as_a_real_shell_does(guest: Guest, script: str) -> None:
    dash = shutil.which("dash") or shutil.which("sh")
    assert dash
    real = subprocess.run([dash, "-c", script], capture_output=True, check=False, env={"HOME": "/root"})
    answer = run(guest, script)
    assert (answer.exit_code, answer.output.replace(b" ", b"")) == (real.returncode, real.stdout.replace(b" ", b""))


def test_options_of_set(guest: Guest) -> None:
    assert run(guest, "false | true").exit_code == 0
    assert run(guest, "set -o pipefail; false | true").exit_code == 1
    assert run(guest, "set -euo pipefail\nfalse | true\necho never") == Outcome(1, b"", 0.0)
    assert run(guest, "set -x").exit_code == 2
    assert run(guest, "set -u; echo $NOT_SET; echo never") == Outcome(2, b"lab-sh: NOT_SET: parameter not set\n", 0.0)


def test_nothing_reaches_this_machine(guest: Guest, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for script in (
        f"touch {mark}",
        f"echo x > {mark}",
        f"echo $(touch {mark})",
        f"`touch {mark}`",
        f"/bin/touch {mark}",
    ):
        assert run(guest, script).exit_code in (2, 127)
    assert not mark.exists()
    assert run(guest, "cat /etc/passwd").output == b"cat: /etc/passwd: No such file or directory\n"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("mysqldump", 127),
        ("if true; then echo; fi", 2),
        ("for i in 1 2; do echo; done", 2),
        ("echo `date`", 2),
        ('echo "$(date)"', 2),
        ("(true)", 2),
        ("sleep 1 &", 2),
        ("cat < /etc/hostname", 2),
        ("echo x > /tmp/y", 2),
        ("echo 'open", 2),
        ("&& true", 2),
        ("head --lines", 2),
        ("lsblk --json", 1),
        ("sleep soon", 1),
        ("systemctl restart ssh", 1),
    ],
)
def test_what_it_does_not_know_is_refused(guest: Guest, script: str, code: int) -> None:
    answer = run(guest, script)
    assert (answer.exit_code, bool(answer.output)) == (code, True)


def test_disks_are_the_images_bytes(guest: Guest, content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    assert run(guest, "sha256sum /dev/vda").output == f"{digest}  /dev/vda\n".encode()
    portable = f"head -c {len(content)} /dev/vda | sha256sum | grep {digest}"
    assert run(guest, portable).exit_code == 0
    longer = hashlib.sha256(content + bytes(3 * MIB)).hexdigest()
    assert longer.encode() in run(guest, f"head -c {len(content) + 3 * MIB} /dev/vda | sha256sum").output
    assert run(guest, "head -c 4 /dev/vda").output == b"boot"
    assert hashlib.sha256(bytes(5 * MIB)).hexdigest().encode() in run(guest, "head -c 5M /dev/vdb | sha256sum").output


def test_reading_takes_virtual_time_and_has_an_end(guest: Guest) -> None:
    assert run(guest, "head -c 1G /dev/vdb | sha256sum").seconds == 4
    assert run(guest, "head -c 1G /dev/vdb | sha256sum", timeout=3).exit_code is None
    assert run(guest, "head -c 30G /dev/vdb | sha256sum").output.startswith(b"head: /dev/vdb: Input/output error")


def test_file_of_a_deleted_image_cannot_be_read(guest: Guest) -> None:
    file = guest.devices["/dev/vda"].file
    assert file is not None
    file.unlink()
    assert run(guest, "sha256sum /dev/vda").output == b"sha256sum: /dev/vda: Input/output error\n"


def test_devices_files_and_services(guest: Guest) -> None:
    script = """
    # as a user would check
    set -e
    test -b /dev/vda && [ -b /dev/vdb ] && test ! -e /dev/vdc
    test -f /etc/hostname && test -s /etc/hostname && test -d /etc
    mountpoint -q / && ! mountpoint -q /data
    grep -q root=/dev/vda /proc/cmdline
    systemctl is-active --quiet ssh
    [ "$HOSTNAME" = app1.example.com ]
    blockdev --getsize64 /dev/vdb | grep -q 42949672960
    """
    assert run(guest, script) == Outcome(0, b"", 0.0)
    assert run(guest, "systemctl is-active mysql") == Outcome(3, b"inactive\n", 0.0)
    assert run(guest, "uname -sr").output == b"Linux 6.1.0-28-amd64\n"
    assert run(guest, "lsblk").output.decode().splitlines() == [
        "NAME            SIZE TYPE MOUNTPOINTS",
        "vda              20G disk /",
        "vdb              40G disk",
    ]
    assert b"42949672960" in run(guest, "lsblk -bn vdb").output
    assert run(guest, "lsblk /dev/vdz").exit_code == 32


def test_sleep_is_virtual_and_times_out(guest: Guest) -> None:
    assert run(guest, "echo a; sleep 59; echo b") == Outcome(0, b"a\nb\n", 59.0)
    assert run(guest, "echo a; sleep 2m; echo b") == Outcome(None, b"a\n", 60)


def test_powershell(guest: Guest, content: bytes) -> None:
    def answer(script: str, timeout: float = 60) -> Outcome:
        return PowerShell(guest, timeout).run(script)

    assert answer("Write-Output 'hello'; hostname") == Outcome(0, b"hello\r\napp1.example.com\r\n", 0.0)
    assert answer("exit 3") == Outcome(3, b"", 0.0)
    digest = hashlib.sha256(content).hexdigest().upper()
    assert answer(r"Get-FileHash \\.\PhysicalDrive0").output == f"SHA256 {digest}\r\n".encode()
    assert answer(r"Get-FileHash \\.\PhysicalDrive7").exit_code == 1
    assert answer("Start-Sleep -Seconds 90") == Outcome(None, b"", 60)
    assert answer("Get-Disk").output.decode().splitlines()[1:] == [f"0 {20 * GIB}", f"1 {40 * GIB}"]
    assert (answer("Format-Volume").exit_code, b"not recognized" in answer("Format-Volume").output) == (1, True)


def test_console_tells_a_failed_start(guest: Guest) -> None:
    log = console_log(guest)
    assert log.endswith("app1.example.com login: ")
    assert all(text in log for text in ("m-1", "image-1", "[vdb]", "40 GiB", "ssh.service"))
    guest.boots = False
    failed = console_log(guest)
    assert ("Kernel panic" in failed, "login:" in failed) == (True, False)
