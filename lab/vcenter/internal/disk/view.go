// A reader of one view of a disk, as http.ServeContent and the hashes want it.

package main

import (
	"errors"
	"io"
)

// viewReader reads what the guest sees, or what a snapshot froze, from a position of its own.
type viewReader struct {
	disk     *Disk
	snapshot string
	position int64
}

func newViewReader(disk *Disk, snapshot string) *viewReader {
	return &viewReader{disk: disk, snapshot: snapshot}
}

func (v *viewReader) Read(data []byte) (int, error) {
	if v.position >= v.disk.Size() {
		return 0, io.EOF
	}
	count, err := v.disk.ReadAt(v.snapshot, data, v.position)
	v.position += int64(count)
	if count > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return count, err
}

func (v *viewReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += v.position
	case io.SeekEnd:
		offset += v.disk.Size()
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning")
	}
	v.position = offset
	return offset, nil
}
