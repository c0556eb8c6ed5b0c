// The disks of one VM, which share one lock: a snapshot and the hashes see all of them at the same point in time.

package machine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"cutover.smc/lab/vcenter/internal/disk"
)

// ErrNoDisk reports that the VM does not have the disk.
var ErrNoDisk = errors.New("the VM does not have this disk")

// Disks are the disks of one VM with their change tracking. Its methods may be called from any goroutine.
type Disks struct {
	seed string

	mu        sync.Mutex
	byKey     map[int32]*trackedDisk // by device key
	snapshots map[string]string      // by snapshot: its data file
	epochs    int                    // the number of epochs started so far, for their identifiers
}

func newDisks(seed string) *Disks {
	return &Disks{seed: seed, byKey: map[int32]*trackedDisk{}, snapshots: map[string]string{}}
}

// Attach adds a disk. Its change-tracking file is in the same directory as its base file.
func (d *Disks) Attach(key int32, attached *disk.Disk) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.byKey[key] = newTrackedDisk(attached)
}

// Detach removes a disk from the VM and closes it.
func (d *Disks) Detach(key int32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if detached := d.byKey[key]; detached != nil {
		detached.Close()
		delete(d.byKey, key)
	}
}

// Get returns nil if the VM does not have the disk.
func (d *Disks) Get(key int32) *disk.Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	if found := d.byKey[key]; found != nil {
		return found.Disk
	}
	return nil
}

// Keys returns the device keys of the disks in ascending order.
func (d *Disks) Keys() []int32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.keys()
}

func (d *Disks) keys() []int32 { return slices.Sorted(maps.Keys(d.byKey)) }

// each calls the function for every disk in the order of the device keys, until it fails.
func (d *Disks) each(do func(*trackedDisk) error) error {
	for _, key := range d.keys() {
		if err := do(d.byKey[key]); err != nil {
			return err
		}
	}
	return nil
}

// write performs the chosen write. It does nothing if the VM has no disks.
func (d *Disks) write(choose ChooseWrite) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	keys := d.keys()
	if len(keys) == 0 {
		return nil
	}
	sizes := make([]int64, len(keys))
	for index, key := range keys {
		sizes[index] = d.byKey[key].Size()
	}
	index, offset, data := choose(sizes)
	return d.byKey[keys[index]].write(offset, data)
}

// close closes and detaches all disks.
func (d *Disks) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, attached := range d.byKey {
		attached.Close()
		delete(d.byKey, key)
	}
}

// DiskHash is the hash of the current content of one disk.
type DiskHash struct {
	Key    int32  `json:"key"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Hashes reads all disks at one point in time: no write happens during the read.
func (d *Disks) Hashes() ([]DiskHash, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	hashes := []DiskHash{}
	for _, key := range d.keys() {
		hashed := d.byKey[key]
		digest := sha256.New()
		if _, err := io.CopyBuffer(digest, disk.NewViewReader(hashed.Disk, ""), make([]byte, 1<<20)); err != nil {
			return nil, err
		}
		hashes = append(hashes, DiskHash{Key: key, Size: hashed.Size(), SHA256: hex.EncodeToString(digest.Sum(nil))})
	}
	return hashes, nil
}

// newEpoch has the format of ESXi's: sixteen bytes in hexadecimal. Every run with the same seed gives the same epochs.
func (d *Disks) newEpoch() string {
	d.epochs++
	id := uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%s/epoch/%d", d.seed, d.epochs))
	pairs := make([]string, 0, 16)
	for _, value := range id {
		pairs = append(pairs, hex.EncodeToString([]byte{value}))
	}
	return strings.Join(pairs[:8], " ") + "-" + strings.Join(pairs[8:], " ")
}
