// Package machine holds what a VM is apart from the simulator's objects: its disks, its change tracking and its guest.
// It knows vSphere's data types, but nothing of the simulator.
package machine

import (
	"errors"
	"sync"
)

// ErrClosed reports that the VM was deleted.
var ErrClosed = errors.New("the VM was deleted")

// Machine is one VM: its disks, and whether its guest writes to them. Its methods may be called from any goroutine.
type Machine struct {
	Disks *Disks

	mu        sync.Mutex // held before the lock of Disks
	name      string
	closed    bool
	poweredOn bool
	service   bool
}

// New returns a VM without disks, powered off, whose service runs as soon as the VM does.
func New(name, seed string) *Machine {
	return &Machine{Disks: newDisks(seed), name: name, service: true}
}

// Close closes all disks.
func (m *Machine) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.Disks.close()
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
	if !m.poweredOn || !m.service {
		return nil
	}
	return m.Disks.write(choose)
}
