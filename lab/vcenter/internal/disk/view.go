// A reader of one view of a disk, as http.ServeContent and the hashes need it.

package disk

import (
	"errors"
	"io"
)

// ViewReader reads the current content of a disk, or the content that a snapshot froze. It has a position of its own.
type ViewReader struct {
	disk     *Disk
	snapshot string
	position int64
}

// NewViewReader reads from the start of the disk; an empty snapshot means the current content.
func NewViewReader(disk *Disk, snapshot string) *ViewReader {
	return &ViewReader{disk: disk, snapshot: snapshot}
}

// Read implements io.Reader.
func (v *ViewReader) Read(data []byte) (int, error) {
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

// Seek implements io.Seeker.
func (v *ViewReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += v.position
	case io.SeekEnd:
		offset += v.disk.Size()
	}
	if offset < 0 {
		return 0, errors.New("seek before the start of the disk")
	}
	v.position = offset
	return offset, nil
}
