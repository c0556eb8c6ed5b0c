// One VM's disks, change tracking and guest, apart from the simulator's objects.

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"sync"

	"github.com/google/uuid"
)

var (
	errNoDisk     = errors.New("the VM has no such disk")
	errNotTracked = errors.New("changes of this disk are not tracked")
	errNoSnapshot = errors.New("the VM has no such snapshot")
	errClosed     = errors.New("the VM is gone")
)

// trackedDisk is a disk with its change tracking, if any.
type trackedDisk struct {
	*Disk
	ctkPath string
	tracker *Tracker       // nil while not tracked
	marks   map[string]int // snapshot -> generation that began with it, in the present epoch
}

// Machine is one VM. Its methods may be called from any goroutine.
type Machine struct {
	seed string

	mu        sync.Mutex
	name      string
	closed    bool
	disks     map[int32]*trackedDisk
	snapshots map[string]string // snapshot -> its data file
	poweredOn bool
	service   bool
	epochs    int // trackings started so far, for their identifiers
}

func newMachine(name, seed string) *Machine {
	return &Machine{name: name, seed: seed, disks: map[int32]*trackedDisk{}, snapshots: map[string]string{}, service: true}
}

// Attach adds a disk; its change-tracking file lies beside basePath.
func (m *Machine) Attach(key int32, disk *Disk) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.disks[key] = &trackedDisk{Disk: disk, ctkPath: ctkPathOf(disk.BasePath()), marks: map[string]int{}}
}

// Detach removes a disk from the VM.
func (m *Machine) Detach(key int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if disk := m.disks[key]; disk != nil {
		disk.Close()
		delete(m.disks, key)
	}
}

// Disk is nil when the VM has no such disk.
func (m *Machine) Disk(key int32) *Disk {
	m.mu.Lock()
	defer m.mu.Unlock()
	if disk := m.disks[key]; disk != nil {
		return disk.Disk
	}
	return nil
}

// Close closes all disks.
func (m *Machine) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	for key, disk := range m.disks {
		disk.Close()
		delete(m.disks, key)
	}
}

// Name is the VM's present name.
func (m *Machine) Name() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.name
}

// Rename follows the VM's name.
func (m *Machine) Rename(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.name = name
}

// SetPower tells the guest whether the VM runs.
func (m *Machine) SetPower(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.poweredOn = on
}

// SetService starts or stops the service that writes. Once it has returned, a stopped service writes no more.
func (m *Machine) SetService(running bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.service = running
}

// ServiceRunning is the setting, which outlives power cycles.
func (m *Machine) ServiceRunning() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.service
}

// GuestWrite writes to the disk numbered by choice, if the VM runs and its service does.
func (m *Machine) GuestWrite(plan func(sizes []int64) (disk int, offset int64, data []byte)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errClosed
	}
	if !m.poweredOn || !m.service || len(m.disks) == 0 {
		return nil
	}
	keys := m.keys()
	sizes := make([]int64, len(keys))
	for index, key := range keys {
		sizes[index] = m.disks[key].Size()
	}
	index, offset, data := plan(sizes)
	return m.write(m.disks[keys[index]], offset, data)
}

func (m *Machine) write(disk *trackedDisk, offset int64, data []byte) error {
	if disk.tracker != nil {
		disk.tracker.Record(offset, int64(len(data)))
	}
	_, err := disk.WriteAt(data, offset)
	return err
}

// DiskHash is what the guest sees of one disk now.
type DiskHash struct {
	Key    int32  `json:"key"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Hashes reads all disks at one moment: no write happens meanwhile.
func (m *Machine) Hashes() ([]DiskHash, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	hashes := []DiskHash{}
	for _, key := range m.keys() {
		disk := m.disks[key]
		digest := sha256.New()
		if _, err := io.CopyBuffer(digest, newViewReader(disk.Disk, ""), make([]byte, 1<<20)); err != nil {
			return nil, err
		}
		hashes = append(hashes, DiskHash{Key: key, Size: disk.Size(), SHA256: hex.EncodeToString(digest.Sum(nil))})
	}
	return hashes, nil
}

// Keys are the disks' device keys in order.
func (m *Machine) Keys() []int32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.keys()
}

func (m *Machine) keys() []int32 {
	keys := make([]int32, 0, len(m.disks))
	for key := range m.disks {
		keys = append(keys, key)
	}
	sort.Slice(keys, func(a, b int) bool { return keys[a] < keys[b] })
	return keys
}

// newEpoch looks like ESXi's: sixteen bytes in hexadecimal. It is the same in every run with the same seed.
func (m *Machine) newEpoch() string {
	m.epochs++
	id := uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%s/epoch/%d", m.seed, m.epochs))
	pairs := make([]string, 0, 16)
	for _, value := range id {
		pairs = append(pairs, hex.EncodeToString([]byte{value}))
	}
	return strings.Join(pairs[:8], " ") + "-" + strings.Join(pairs[8:], " ")
}

func ctkPathOf(basePath string) string {
	return strings.TrimSuffix(basePath, "-flat.vmdk") + "-ctk.vmdk"
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
