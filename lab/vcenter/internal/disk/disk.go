// Package disk holds virtual disks with real bytes, and the change tracking of one disk. It knows nothing of vSphere.
//
// A disk is a sparse base file and a tree of copy-on-write layers, with one branch for each snapshot.
package disk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// ErrNoView reports that the snapshot does not hold a view of the disk, or no longer holds it.
var ErrNoView = errors.New("the snapshot holds no view of this disk")

// layer holds the blocks written since its parent was frozen. The base has no parent and holds the entire disk.
type layer struct {
	file     *os.File
	present  Bitmap // in the base: the blocks that were ever written
	parent   *layer
	children []*layer
}

// Disk is one virtual disk. Its methods may be called from any goroutine.
type Disk struct {
	mu       sync.RWMutex
	size     int64
	basePath string
	overlays string // the directory of the layers above the base
	created  int    // the number of layers created so far, for their names
	base     *layer
	top      *layer            // the guest writes to this one
	frozen   map[string]*layer // by snapshot: the layer that it froze
}

// Open opens or creates the base file. The content of an existing file counts as allocated.
func Open(basePath, overlays string, size int64) (*Disk, error) {
	if err := os.MkdirAll(overlays, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(basePath, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.Size() < size {
		err = file.Truncate(size)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	base := &layer{file: file, present: NewBitmap(Blocks(size))}
	base.present.SetRange(0, min(info.Size(), size))
	return &Disk{size: size, basePath: basePath, overlays: overlays, base: base, top: base, frozen: map[string]*layer{}}, nil
}

// Size returns the capacity in bytes.
func (d *Disk) Size() int64 { return d.size }

// BasePath returns the path of the flat file, which a reader gets when it names no snapshot.
func (d *Disk) BasePath() string { return d.basePath }

// WriteAt writes to the current content, as the guest does.
func (d *Disk) WriteAt(data []byte, offset int64) (int, error) {
	if offset < 0 || offset+int64(len(data)) > d.size {
		return 0, fmt.Errorf("the write of %d bytes at offset %d is outside the disk", len(data), offset)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	written := 0
	for written < len(data) {
		part := data[written:min(len(data), written+bytesToBlockEnd(offset+int64(written)))]
		if err := d.writeBlock(part, offset+int64(written)); err != nil {
			return written, err
		}
		written += len(part)
	}
	return written, nil
}

// writeBlock writes within one block. If the top layer does not hold the block, it is first copied from below.
func (d *Disk) writeBlock(data []byte, offset int64) error {
	block := int(offset / BlockSize)
	if d.top != d.base && !d.top.present.Has(block) {
		start := int64(block) * BlockSize
		whole := make([]byte, min(BlockSize, d.size-start))
		if err := readThrough(d.top, whole, start); err != nil {
			return err
		}
		if _, err := d.top.file.WriteAt(whole, start); err != nil {
			return err
		}
	}
	d.top.present.Set(block)
	_, err := d.top.file.WriteAt(data, offset)
	return err
}

// ReadAt reads the content that the snapshot froze, or the current content if snapshot is empty.
func (d *Disk) ReadAt(snapshot string, data []byte, offset int64) (int, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	from, err := d.view(snapshot)
	if err != nil {
		return 0, err
	}
	if offset >= d.size {
		return 0, io.EOF
	}
	end := error(nil)
	if offset+int64(len(data)) > d.size {
		data, end = data[:d.size-offset], io.EOF
	}
	for done := 0; done < len(data); {
		part := data[done:min(len(data), done+bytesToBlockEnd(offset+int64(done)))]
		if err := readThrough(from, part, offset+int64(done)); err != nil {
			return done, err
		}
		done += len(part)
	}
	return len(data), end
}

// Allocated returns the blocks of a view that were ever written.
func (d *Disk) Allocated(snapshot string) (Bitmap, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	from, err := d.view(snapshot)
	if err != nil {
		return nil, err
	}
	all := NewBitmap(Blocks(d.size))
	for ; from != nil; from = from.parent {
		all.Merge(from.present)
	}
	return all, nil
}

func (d *Disk) view(snapshot string) (*layer, error) {
	if snapshot == "" {
		return d.top, nil
	}
	if from, ok := d.frozen[snapshot]; ok {
		return from, nil
	}
	return nil, ErrNoView
}

// Freeze keeps the current content for the snapshot. Later writes go to a new layer.
func (d *Disk) Freeze(snapshot string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	next, err := d.newLayer(d.top)
	if err != nil {
		return err
	}
	d.frozen[snapshot] = d.top
	d.top = next
	return nil
}

// Remove deletes the snapshot and merges the layers that only this snapshot needed.
func (d *Disk) Remove(snapshot string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	kept, ok := d.frozen[snapshot]
	if !ok {
		return nil
	}
	delete(d.frozen, snapshot)
	return d.collapse(kept)
}

// Revert returns to the content that the snapshot froze. Later writes that no other snapshot holds are lost.
func (d *Disk) Revert(snapshot string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	kept, ok := d.frozen[snapshot]
	if !ok {
		return ErrNoView
	}
	next, err := d.newLayer(kept)
	if err != nil {
		return err
	}
	abandoned := d.top
	d.top = next
	return d.collapse(abandoned)
}

// Close closes all files. The disk must not be used afterwards.
func (d *Disk) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	closeLayers(d.base)
}

func (d *Disk) newLayer(parent *layer) (*layer, error) {
	d.created++
	path := filepath.Join(d.overlays, fmt.Sprintf("%06d-delta", d.created))
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	made := &layer{file: file, present: NewBitmap(Blocks(d.size)), parent: parent}
	parent.children = append(parent.children, made)
	return made, nil
}

// collapse removes a layer that no snapshot needs: a leaf is deleted, an only child is merged into its parent.
func (d *Disk) collapse(node *layer) error {
	if node == d.top || d.isFrozen(node) {
		return nil
	}
	switch len(node.children) {
	case 0:
		parent := node.parent
		parent.children = slices.DeleteFunc(parent.children, func(child *layer) bool { return child == node })
		discard(node)
		return d.collapse(parent)
	case 1:
		return d.absorb(node, node.children[0])
	default:
		return nil // a fork: both branches still need the layer
	}
}

// absorb copies the child's blocks into the layer, which then replaces the child.
func (d *Disk) absorb(node, child *layer) error {
	block := make([]byte, BlockSize)
	for number := range Blocks(d.size) {
		if !child.present.Has(number) {
			continue
		}
		start := int64(number) * BlockSize
		part := block[:min(BlockSize, d.size-start)]
		if err := readFull(child.file, part, start); err != nil {
			return err
		}
		if _, err := node.file.WriteAt(part, start); err != nil {
			return err
		}
	}
	node.present.Merge(child.present)
	node.children = child.children
	for _, grandchild := range node.children {
		grandchild.parent = node
	}
	for snapshot, kept := range d.frozen {
		if kept == child {
			d.frozen[snapshot] = node
		}
	}
	if d.top == child {
		d.top = node
	}
	discard(child)
	return nil
}

func (d *Disk) isFrozen(node *layer) bool {
	for _, kept := range d.frozen {
		if kept == node {
			return true
		}
	}
	return false
}

// readThrough reads within one block, from the nearest layer that holds it.
func readThrough(from *layer, data []byte, offset int64) error {
	for from.parent != nil && !from.present.Has(int(offset/BlockSize)) {
		from = from.parent
	}
	return readFull(from.file, data, offset)
}

// readFull fills data. Bytes beyond the end of a sparse file are zero.
func readFull(file *os.File, data []byte, offset int64) error {
	count, err := file.ReadAt(data, offset)
	if errors.Is(err, io.EOF) {
		clear(data[count:])
		return nil
	}
	return err
}

func bytesToBlockEnd(offset int64) int { return int(BlockSize - offset%BlockSize) }

func discard(node *layer) {
	_ = node.file.Close()
	_ = os.Remove(node.file.Name())
}

func closeLayers(node *layer) {
	_ = node.file.Close()
	for _, child := range node.children {
		closeLayers(child)
	}
}
