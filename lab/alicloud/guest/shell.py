"""A small stand-in for a shell: it runs the commands that README.md lists, on a simulated guest, never on this machine."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from lab.alicloud.guest.guest import KERNEL, Device, Guest
from lab.alicloud.world.diskfiles import read_block, sha256_of
from lab.alicloud.world.records import GIB

NOT_FOUND, NOT_UNDERSTOOD = 127, 2
# How fast a disk is read, in virtual time.
_BYTES_PER_SECOND = 256 * 1024 * 1024
_LONGEST_OUTPUT = 1024 * 1024
_CONNECTORS = ("&&", "||", ";", "\n", "|")
_UNSUPPORTED = ("`", "$(", "<", "(", ")", "&")
_KEYWORDS = frozenset(
    {"if", "then", "else", "fi", "for", "while", "until", "do", "done", "case", "esac", "function", "{"}
)
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:\{(\w+|\?)\}|(\w+|\?))")
_REDIRECTION = re.compile(r"(?:[12]?>>?|&>)\s*(?:/dev/null|&[12])")
_NUMBER_SUFFIX = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


class NotUnderstood(Exception):
    """The script uses what this shell does not have."""


class OutOfTime(Exception):
    """The command's time is up."""


class _Exit(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


@dataclass(frozen=True)
class Slice:
    """The first bytes of a device, not read yet."""

    device: Device
    length: int


Stream = bytes | Slice


@dataclass
class Outcome:
    """What came of a script."""

    exit_code: int | None  # None when its time was up
    output: bytes
    seconds: float


@dataclass
class Reply:
    """What one command answers."""

    status: int = 0
    out: Stream = b""
    err: bytes = b""


@dataclass
class Word:
    """One word of a command, with its variables not yet filled in where it was not quoted by apostrophes."""

    parts: list[tuple[str, bool]] = field(default_factory=list)  # (text, whether variables are filled in)

    @property
    def names(self) -> set[str]:
        """The variables that the word names."""
        return {
            match.group(1) or match.group(2) for text, fill in self.parts if fill for match in _VARIABLE.finditer(text)
        }

    def filled(self, variables: dict[str, str]) -> str:
        """The word's text."""

        def value(match: re.Match[str]) -> str:
            return variables.get(match.group(1) or match.group(2), "")

        return "".join(_VARIABLE.sub(value, text) if fill else text for text, fill in self.parts)


@dataclass
class Command:
    """One simple command: its words, where its output goes, and what connects it with the next."""

    words: list[Word] = field(default_factory=list)
    silent_out: bool = False
    silent_err: bool = False
    connector: str = "\n"


def parse(script: str) -> list[Command]:
    """The commands of a script; NotUnderstood names what this shell does not have."""
    commands, current, position = [], Command(), 0
    while position < len(script):
        if script[position] in " \t\r" or script.startswith("\\\n", position):
            position += 2 if script[position] == "\\" else 1
        elif script[position] == "#":
            position = _end_of_line(script, position)
        elif redirection := _REDIRECTION.match(script, position):
            _redirect(current, redirection.group())
            position = redirection.end()
        elif connector := next((text for text in _CONNECTORS if script.startswith(text, position)), ""):
            position += len(connector)
            current.connector = connector
            if current.words:
                commands.append(current)
            elif connector not in ("\n", ";"):
                raise NotUnderstood(f"syntax error near `{connector}'")
            current = Command()
        else:
            word, position = _word(script, position)
            current.words.append(word)
    return [*commands, current] if current.words else commands


def _end_of_line(script: str, position: int) -> int:
    end = script.find("\n", position)
    return len(script) if end < 0 else end


def _redirect(command: Command, text: str) -> None:
    target = text.lstrip("12&").lstrip(">").strip()
    if target == "/dev/null":
        command.silent_err = command.silent_err or text[0] in "2&"
        command.silent_out = command.silent_out or text[0] != "2"
    elif text[0] == "2":  # 2>&1
        command.silent_err = command.silent_out


def _word(script: str, position: int) -> tuple[Word, int]:
    word = Word()
    while position < len(script) and script[position] not in " \t\r\n;|":
        if script.startswith("&&", position) or (script[position] in ">&" and _REDIRECTION.match(script, position)):
            break
        unsupported = next((text for text in _UNSUPPORTED if script.startswith(text, position)), "")
        if unsupported or script[position] == ">":
            raise NotUnderstood(f"the lab's shell has no `{unsupported or '>'}'")
        if script[position] == "'":
            end = script.find("'", position + 1)
            if end < 0:
                raise NotUnderstood("unterminated quoted string")
            word.parts.append((script[position + 1 : end], False))
            position = end + 1
        elif script[position] == '"':
            position = _double_quoted(script, position + 1, word)
        elif script[position] == "\\" and position + 1 < len(script):
            word.parts.append((script[position + 1], False))
            position += 2
        else:
            start = position
            while (
                position < len(script)
                and script[position] not in " \t\r\n;|'\"\\`<>()&"
                and not (script.startswith("$(", position))
            ):
                position += 1
            word.parts.append((script[start:position], True))
    return word, position


def _double_quoted(script: str, position: int, word: Word) -> int:
    text = ""
    while position < len(script) and script[position] != '"':
        if script[position] == "\\" and script[position + 1 : position + 2] in ('"', "\\", "$", "`"):
            word.parts += [(text, True), (script[position + 1], False)]
            text, position = "", position + 2
            continue
        if script.startswith(("`", "$("), position):
            raise NotUnderstood("the lab's shell has no command substitution")
        text, position = text + script[position], position + 1
    if position >= len(script):
        raise NotUnderstood("unterminated quoted string")
    word.parts.append((text, True))
    return position + 1


class Shell:
    """Runs one script on one guest."""

    def __init__(self, guest: Guest, timeout: float, directory: str = "/root") -> None:
        self._guest = guest
        self._timeout = timeout
        self._seconds = 0.0
        self._output = bytearray()
        self._options: frozenset[str] = frozenset()  # of set: e, u, and p for pipefail
        self._variables = {"?": "0", "HOSTNAME": guest.host_name, "PWD": directory, "HOME": "/root", "USER": "root"}
        self._commands: dict[str, Callable[[list[str], Stream], Reply]] = {
            "echo": self._echo,
            "true": lambda *_: Reply(),
            ":": lambda *_: Reply(),
            "false": lambda *_: Reply(1),
            "exit": self._exit,
            "set": self._set,
            "test": self._test,
            "[": self._bracket,
            "sha256sum": self._sha256sum,
            "head": self._head,
            "cat": self._cat,
            "grep": self._grep,
            "wc": self._wc,
            "lsblk": self._lsblk,
            "blockdev": self._blockdev,
            "hostname": lambda *_: Reply(out=f"{self._guest.host_name}\n".encode()),
            "uname": self._uname,
            "uptime": lambda *_: Reply(out=f"up since {self._guest.booted:%Y-%m-%d %H:%M:%S}\n".encode()),
            "pwd": lambda *_: Reply(out=f"{self._variables['PWD']}\n".encode()),
            "whoami": lambda *_: Reply(out=b"root\n"),
            "sleep": self._sleep,
            "systemctl": self._systemctl,
            "mountpoint": self._mountpoint,
        }

    def run(self, script: str) -> Outcome:
        """The whole script."""
        try:
            status: int | None = self._run_all(parse(script))
        except NotUnderstood as failure:
            self._output += f"lab-sh: {failure}\n".encode()
            status = NOT_UNDERSTOOD
        except _Exit as left:
            status = left.status
        except OutOfTime:
            return Outcome(None, bytes(self._output), self._timeout)
        return Outcome(status, bytes(self._output), self._seconds)

    def _run_all(self, commands: list[Command]) -> int:
        status, position = 0, 0
        while position < len(commands):
            end = position
            while commands[end].connector == "|" and end + 1 < len(commands):
                end += 1
            status = self._pipeline(commands[position : end + 1])
            self._variables["?"] = str(status)
            connector = commands[end].connector
            position = end + 1
            if "e" in self._options and status and connector not in ("&&", "||"):
                return status
            while position < len(commands) and connector == ("||" if status == 0 else "&&"):
                while commands[position].connector == "|" and position + 1 < len(commands):
                    position += 1
                connector = commands[position].connector
                position += 1
        return status

    def _pipeline(self, commands: list[Command]) -> int:
        stdin: Stream = b""
        status = 0
        for command in commands:
            reply = self._command([self._filled(word) for word in command.words], stdin)
            status = reply.status or (status if "p" in self._options else 0)
            if not command.silent_err:
                self._output += reply.err
            stdin = b"" if command.silent_out else reply.out
        self._output += self._read(stdin)
        return status

    def _filled(self, word: Word) -> str:
        unset = word.names - set(self._variables) if "u" in self._options else set()
        if unset:
            raise NotUnderstood(f"{min(unset)}: parameter not set")
        return word.filled(self._variables)

    def _command(self, words: list[str], stdin: Stream) -> Reply:
        while words and (assignment := _ASSIGNMENT.fullmatch(words[0])):
            self._variables[assignment.group(1)] = assignment.group(2)
            words = words[1:]
        if not words:
            return Reply()
        if words[0] == "!":
            reply = self._command(words[1:], stdin)
            return Reply(int(reply.status == 0), reply.out, reply.err)
        name = words[0].rpartition("/")[2] if words[0].startswith(("/bin/", "/usr/bin/", "/sbin/")) else words[0]
        if name in _KEYWORDS:
            raise NotUnderstood(f"the lab's shell has no `{name}'")
        action = self._commands.get(name)
        if action is None:
            return Reply(NOT_FOUND, err=f"lab-sh: {words[0]}: command not found\n".encode())
        return action(words[1:], stdin)

    # -- time and bytes ------------------------------------------------------------------------------------------

    def _spend(self, seconds: float) -> None:
        self._seconds += seconds
        if self._seconds > self._timeout:
            raise OutOfTime

    def _read(self, stream: Stream) -> bytes:
        if isinstance(stream, bytes):
            return stream
        length = min(stream.length, _LONGEST_OUTPUT)
        return read_block(stream.device.file, length) if stream.device.file else bytes(length)

    def _digest(self, stream: Stream) -> str:
        if isinstance(stream, bytes):
            return hashlib.sha256(stream).hexdigest()
        self._spend(stream.length / _BYTES_PER_SECOND)
        if stream.device.file is None:
            return _digest_of_zeros(stream.length)
        return sha256_of(stream.device.file, stream.length)

    def _open(self, path: str, length: int | None = None) -> Stream:
        """A file's bytes, or a device's: without a length as many as the source disk had. OSError tells why not."""
        if path in self._guest.files:
            return self._guest.files[path].encode()[:length]
        device = self._guest.devices.get(path)
        if device is None:
            raise FileNotFoundError("No such file or directory")
        wanted = device.content_length if length is None else min(length, device.size)
        if wanted > device.readable or (device.file is not None and not device.file.is_file()):
            raise OSError("Input/output error")
        return Slice(device, wanted)

    # -- commands ------------------------------------------------------------------------------------------------

    def _echo(self, args: list[str], _: Stream) -> Reply:
        newline = "" if args[:1] == ["-n"] else "\n"
        return Reply(out=(" ".join(args[1:] if args[:1] == ["-n"] else args) + newline).encode())

    def _exit(self, args: list[str], _: Stream) -> Reply:
        text = args[0] if args else self._variables["?"]
        raise _Exit(int(text) % 256 if text.lstrip("-").isdigit() else 2)

    def _set(self, args: list[str], _: Stream) -> Reply:
        """`-e`, `-u` and `-o pipefail`, together or apart, and with `+` the other way round."""
        names = " ".join(args).replace("o pipefail", "p")
        for flags in names.split():
            if not re.fullmatch(r"[-+][eup]+", flags):
                return Reply(NOT_UNDERSTOOD, err=b"set: only -e, -u and -o pipefail are understood\n")
            for letter in flags[1:]:
                self._options = self._options | {letter} if flags[0] == "-" else self._options - {letter}
        return Reply()

    def _sleep(self, args: list[str], _: Stream) -> Reply:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", args[0]) if len(args) == 1 else None
        if match is None:
            return Reply(1, err=b"sleep: invalid time interval\n")
        self._spend(float(match.group(1)) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match.group(2)])
        return Reply()

    def _bracket(self, args: list[str], stdin: Stream) -> Reply:
        return self._test(args[:-1], stdin) if args[-1:] == ["]"] else Reply(2, err=b"[: missing `]'\n")

    def _test(self, args: list[str], stdin: Stream) -> Reply:
        if args[:1] == ["!"]:
            reply = self._test(args[1:], stdin)
            return Reply(int(reply.status == 0), err=reply.err) if reply.status < 2 else reply
        if len(args) == 1:
            return Reply(int(not args[0]))
        if len(args) == 2 and args[0] in _UNARY:
            return Reply(int(not _UNARY[args[0]](self._guest, args[1])))
        if len(args) == 3 and args[1] in ("=", "==", "!="):
            return Reply(int((args[0] == args[2]) == (args[1] == "!=")))
        if len(args) == 3 and args[1] in _COMPARISONS and all(re.fullmatch(r"-?\d+", text) for text in args[::2]):
            return Reply(int(not _COMPARISONS[args[1]](int(args[0]), int(args[2]))))
        return Reply(2, err=b"test: expression is not understood\n") if args else Reply(1)

    def _sha256sum(self, args: list[str], stdin: Stream) -> Reply:
        reply = Reply()
        for path in args or ["-"]:
            try:
                stream = stdin if path == "-" else self._open(path)
                reply.out = self._read(reply.out) + f"{self._digest(stream)}  {path}\n".encode()
            except OSError as failure:
                reply.status, reply.err = 1, reply.err + f"sha256sum: {path}: {failure}\n".encode()
        return reply

    def _head(self, args: list[str], stdin: Stream) -> Reply:
        """`head -c N [FILE]`, and of texts `head -n N`."""
        match = re.fullmatch(r"-([cn]) ?(\d+)([KMG]?)(?: (\S+))?", " ".join(args))
        if match is None:
            return Reply(2, err=b"head: only -c N and -n N are understood\n")
        count, path = int(match.group(2)) * _NUMBER_SUFFIX[match.group(3)], match.group(4)
        try:
            if match.group(1) == "c":
                return Reply(out=_first(self._open(path, count) if path else stdin, count))
            text = self._read(self._open(path) if path else stdin)
        except OSError as failure:
            return Reply(1, err=f"head: {path}: {failure}\n".encode())
        return Reply(out=b"".join(text.splitlines(keepends=True)[:count]))

    def _cat(self, args: list[str], stdin: Stream) -> Reply:
        if not args:
            return Reply(out=stdin)
        reply = Reply()
        for path in args:
            try:
                stream = self._open(path)
                reply.out = stream if len(args) == 1 else self._read(reply.out) + self._read(stream)
            except OSError as failure:
                reply.status, reply.err = 1, reply.err + f"cat: {path}: {failure}\n".encode()
        return reply

    def _grep(self, args: list[str], stdin: Stream) -> Reply:
        """`grep [-q] [-F] [-i] [-v] [-c] TEXT [FILE]`: a text, not an expression."""
        flags = {letter for arg in args if re.fullmatch(r"-[qFivc]+", arg) for letter in arg[1:]}
        rest = [arg for arg in args if not re.fullmatch(r"-[qFivc]+", arg)]
        if not rest or len(rest) > 2:
            return Reply(2, err=b"grep: usage: grep [-qFivc] TEXT [FILE]\n")
        try:
            text = self._read(self._open(rest[1]) if len(rest) == 2 else stdin)
        except OSError as failure:
            return Reply(2, err=f"grep: {rest[1]}: {failure}\n".encode())
        wanted = rest[0].lower().encode() if "i" in flags else rest[0].encode()
        lines = text.splitlines(keepends=True)
        found = [line for line in lines if (wanted in (line.lower() if "i" in flags else line)) != ("v" in flags)]
        out = b"" if "q" in flags else f"{len(found)}\n".encode() if "c" in flags else b"".join(found)
        return Reply(int(not found), out)

    def _wc(self, args: list[str], stdin: Stream) -> Reply:
        if args not in (["-c"], ["-l"]):
            return Reply(2, err=b"wc: only -c and -l are understood\n")
        if args == ["-c"]:
            return Reply(out=f"{stdin.length if isinstance(stdin, Slice) else len(stdin)}\n".encode())
        return Reply(out=f"{self._read(stdin).count(10)}\n".encode())

    def _lsblk(self, args: list[str], _: Stream) -> Reply:
        """All disks, or the named ones; `-b` and `-n` as usual."""
        flags = "".join(arg[1:] for arg in args if arg.startswith("-"))
        if set(flags) - set("bndo") or "o" in flags:
            return Reply(1, err=b"lsblk: only -b, -n and -d are understood\n")
        named = [arg if arg.startswith("/dev/") else f"/dev/{arg}" for arg in args if not arg.startswith("-")]
        unknown = [path for path in named if path not in self._guest.devices]
        if unknown:
            return Reply(32, err=f"lsblk: {unknown[0]}: not a block device\n".encode())
        shown = [device for path, device in self._guest.devices.items() if not named or path in named]
        rows = [("NAME", "SIZE", "TYPE", "MOUNTPOINTS")] if "n" not in flags else []
        rows += [
            (d.name, str(d.size) if "b" in flags else f"{d.size // GIB}G", "disk", "/" if d.kind == "system" else "")
            for d in shown
        ]
        return Reply(out="".join(f"{n:<5}{s:>15} {t:<4} {m}".rstrip() + "\n" for n, s, t, m in rows).encode())

    def _blockdev(self, args: list[str], _: Stream) -> Reply:
        if len(args) != 2 or args[0] != "--getsize64":
            return Reply(1, err=b"blockdev: only --getsize64 DEVICE is understood\n")
        device = self._guest.devices.get(args[1])
        if device is None:
            return Reply(1, err=f"blockdev: cannot open {args[1]}: No such file or directory\n".encode())
        return Reply(out=f"{device.size}\n".encode())

    def _uname(self, args: list[str], _: Stream) -> Reply:
        fields = {"s": "Linux", "n": self._guest.host_name, "r": KERNEL, "m": self._guest.architecture}
        flags = "".join(arg[1:] for arg in args) or "s"
        if set(flags) - {*fields, "a"}:
            return Reply(1, err=b"uname: only -a, -s, -n, -r and -m are understood\n")
        return Reply(
            out=(" ".join(value for key, value in fields.items() if "a" in flags or key in flags) + "\n").encode()
        )

    def _systemctl(self, args: list[str], _: Stream) -> Reply:
        quiet = bool({"-q", "--quiet"} & set(args))
        words = [arg for arg in args if arg not in ("-q", "--quiet")]
        if words == ["is-system-running"]:
            return Reply(out=b"" if quiet else b"running\n")
        if len(words) != 2 or words[0] not in ("is-active", "is-enabled"):
            return Reply(1, err=b"systemctl: only is-active, is-enabled and is-system-running are understood\n")
        there = words[1].removesuffix(".service") in self._guest.services
        active = words[0] == "is-active"
        text = ("active" if active else "enabled") if there else ("inactive" if active else "not-found")
        return Reply(0 if there else 3 if active else 4, b"" if quiet else f"{text}\n".encode())

    def _mountpoint(self, args: list[str], _: Stream) -> Reply:
        path = next((arg for arg in args if not arg.startswith("-")), "")
        text = b"" if "-q" in args else f"{path} is {'' if path == '/' else 'not '}a mountpoint\n".encode()
        return Reply(0 if path == "/" else 32, text)


def _first(stream: Stream, count: int) -> Stream:
    return Slice(stream.device, min(stream.length, count)) if isinstance(stream, Slice) else stream[:count]


def _digest_of_zeros(length: int) -> str:
    digest = hashlib.sha256()
    block = bytes(4 * 1024 * 1024)
    for _ in range(length // len(block)):
        digest.update(block)
    digest.update(block[: length % len(block)])
    return digest.hexdigest()


_DIRECTORIES = frozenset({"/", "/root", "/etc", "/proc", "/dev"})
_UNARY: dict[str, Callable[[Guest, str], bool]] = {
    "-b": lambda guest, path: path in guest.devices,
    "-e": lambda guest, path: path in guest.devices or path in guest.files or path in _DIRECTORIES,
    "-r": lambda guest, path: path in guest.devices or path in guest.files or path in _DIRECTORIES,
    "-f": lambda guest, path: path in guest.files,
    "-d": lambda guest, path: path in _DIRECTORIES,
    "-s": lambda guest, path: bool(guest.files.get(path)),
    "-n": lambda guest, text: bool(text),
    "-z": lambda guest, text: not text,
}
_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "-eq": lambda left, right: left == right,
    "-ne": lambda left, right: left != right,
    "-lt": lambda left, right: left < right,
    "-le": lambda left, right: left <= right,
    "-gt": lambda left, right: left > right,
    "-ge": lambda left, right: left >= right,
}
