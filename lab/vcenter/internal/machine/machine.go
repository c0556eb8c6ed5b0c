// Package machine holds what a VM is apart from the simulator's objects: its disks, its change tracking and its guest.
// It knows vSphere's data types, but nothing of the simulator.
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

var (
	// ErrNoDisk reports that the VM does not have the disk.
	ErrNoDisk = errors.New("the VM does not have this disk")
	// ErrClosed reports that the VM was deleted.
	ErrClosed = errors.New("the VM was deleted")
)

// Machine is one VM. Its methods may be called from any goroutine.
type Machine struct {
	seed string

	mu        sync.Mutex
	name      string
	closed    bool
	disks     map[int32]*trackedDisk // by device key
	snapshots map[string]string      // by snapshot: its data file
	poweredOn bool
	service   bool
	epochs    int // the number of epochs started so far, for their identifiers
}

// New returns a VM without disks, powered off, whose service runs as soon as the VM does.
func New(name, seed string) *Machine {
	return &Machine{name: name, seed: seed, disks: map[int32]*trackedDisk{}, snapshots: map[string]string{}, service: true}
}

// Attach adds a disk. Its change-tracking file is in the same directory as its base file.
func (m *Machine) Attach(key int32, attached *disk.Disk) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.disks[key] = newTrackedDisk(attached)
}

// Detach removes a disk from the VM and closes it.
func (m *Machine) Detach(key int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if detached := m.disks[key]; detached != nil {
		detached.Close()
		delete(m.disks, key)
	}
}

// Disk returns nil if the VM does not have the disk.
func (m *Machine) Disk(key int32) *disk.Disk {
	m.mu.Lock()
	defer m.mu.Unlock()
	if found := m.disks[key]; found != nil {
		return found.Disk
	}
	return nil
}

// Keys returns the device keys of the disks in ascending order.
func (m *Machine) Keys() []int32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.keys()
}

func (m *Machine) keys() []int32 { return slices.Sorted(maps.Keys(m.disks)) }

// each calls the function for every disk in the order of the device keys, until it fails.
func (m *Machine) each(do func(*trackedDisk) error) error {
	for _, key := range m.keys() {
		if err := do(m.disks[key]); err != nil {
			return err
		}
	}
	return nil
}

// Close closes all disks.
func (m *Machine) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	for key, attached := range m.disks {
		attached.Close()
		delete(m.disks, key)
	}
}

// Name returns the current name of the VM.
func (m *Machine) Name() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.name
}

// Rename sets the name of the VM.
func (m *Machine) Rename(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.name = name
}

// SetPower sets whether the VM is powered on.
func (m *Machine) SetPower(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.poweredOn = on
}

// SetService starts or stops the service that writes. After this method returns, a stopped service does not write.
func (m *Machine) SetService(running bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.service = running
}

// ServiceRunning returns the setting of SetService, which survives power cycles.
func (m *Machine) ServiceRunning() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.service
}

// ChooseWrite selects a write: the index of the disk in sizes, the offset and the data.
type ChooseWrite func(sizes []int64) (disk int, offset int64, data []byte)

// GuestWrite performs the chosen write if the VM is powered on and its service runs.
func (m *Machine) GuestWrite(choose ChooseWrite) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	if !m.poweredOn || !m.service || len(m.disks) == 0 {
		return nil
	}
	keys := m.keys()
	sizes := make([]int64, len(keys))
	for index, key := range keys {
		sizes[index] = m.disks[key].Size()
	}
	index, offset, data := choose(sizes)
	return m.disks[keys[index]].write(offset, data)
}

// DiskHash is the hash of the current content of one disk.
type DiskHash struct {
	Key    int32  `json:"key"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Hashes reads all disks at one point in time: no write happens during the read.
func (m *Machine) Hashes() ([]DiskHash, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	hashes := []DiskHash{}
	for _, key := range m.keys() {
		hashed := m.disks[key]
		digest := sha256.New()
		if _, err := io.CopyBuffer(digest, disk.NewViewReader(hashed.Disk, ""), make([]byte, 1<<20)); err != nil {
			return nil, err
		}
		hashes = append(hashes, DiskHash{Key: key, Size: hashed.Size(), SHA256: hex.EncodeToString(digest.Sum(nil))})
	}
	return hashes, nil
}

// newEpoch has the format of ESXi's: sixteen bytes in hexadecimal. Every run with the same seed gives the same epochs.
func (m *Machine) newEpoch() string {
	m.epochs++
	id := uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%s/epoch/%d", m.seed, m.epochs))
	pairs := make([]string, 0, 16)
	for _, value := range id {
		pairs = append(pairs, hex.EncodeToString([]byte{value}))
	}
	return strings.Join(pairs[:8], " ") + "-" + strings.Join(pairs[8:], " ")
}
