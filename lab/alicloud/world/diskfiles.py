"""Replicas and images as sparse files: writing, copying and hashing them without filling the disk."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path

_CHUNK = 4 * 1024 * 1024


def write_block(handle: int, offset: int, data: bytes) -> None:
    """Write a block unless the file has it already: blocks of zeros remain holes."""
    if os.pread(handle, len(data), offset) != data:
        view = memoryview(data)
        while view:
            written = os.pwrite(handle, view, offset)
            view, offset = view[written:], offset + written


def copy_sparse(source: Path, target: Path) -> None:
    """Copy a file's data; its holes remain holes."""
    with source.open("rb") as reader, target.open("wb") as writer:
        size = os.fstat(reader.fileno()).st_size
        writer.truncate(size)
        position = 0
        while position < size:
            try:
                start = os.lseek(reader.fileno(), position, os.SEEK_DATA)
            except OSError as failure:
                if failure.errno == errno.ENXIO:  # only a hole from here on
                    break
                raise
            end = os.lseek(reader.fileno(), start, os.SEEK_HOLE)
            _copy_range(reader.fileno(), writer.fileno(), start, end)
            position = end


def _copy_range(reader: int, writer: int, start: int, end: int) -> None:
    while start < end:
        data = os.pread(reader, min(_CHUNK, end - start), start)
        if not data:
            return
        os.pwrite(writer, data, start)
        start += len(data)


def sha256_of(path: Path, length: int) -> str:
    """The hash of the first `length` bytes; bytes beyond the end of the file count as zeros."""
    digest = hashlib.sha256()
    with path.open("rb") as reader:
        while length > 0:
            data = reader.read(min(_CHUNK, length))
            data = data or bytes(min(_CHUNK, length))
            digest.update(data)
            length -= len(data)
    return digest.hexdigest()


def read_block(path: Path, length: int) -> bytes:
    """The first `length` bytes; bytes beyond the end of the file count as zeros."""
    with path.open("rb") as reader:
        data = reader.read(length)
    return data + bytes(length - len(data))


class DiskFiles:
    """The disk files below the lab's directory."""

    def __init__(self, directory: Path) -> None:
        self._replicas = directory / "replicas"
        self._images = directory / "images"

    def replica(self, job_id: str, key: int, size: int) -> tuple[Path, bool]:
        """The replica of one disk, created empty if it does not exist; the second value is whether it is new."""
        path = self._replicas / job_id / f"{key}.img"
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        with path.open("ab") as handle:
            if is_new or handle.seek(0, os.SEEK_END) != size:
                handle.truncate(size)
        return path, is_new

    def delete_replica(self, job_id: str, key: int) -> None:
        """Delete one disk's bytes."""
        (self._replicas / job_id / f"{key}.img").unlink(missing_ok=True)

    def delete_replicas(self, job_id: str) -> None:
        """Delete all bytes of a job that no longer exists."""
        shutil.rmtree(self._replicas / job_id, ignore_errors=True)

    def image_file(self, image_id: str, key: int) -> Path:
        """The file of one disk of an image."""
        path = self._images / image_id / f"{key}.img"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def delete_image(self, image_id: str) -> None:
        """Delete an image's bytes."""
        shutil.rmtree(self._images / image_id, ignore_errors=True)
