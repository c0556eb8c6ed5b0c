// The machines behind the VMs of the inventory: they are created, renamed and closed with their VMs.

package sim

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"cutover.smc/lab/vcenter/internal/machine"
)

// Machines holds the machine of each VM. Its methods may be called from any goroutine.
type Machines struct {
	seed      uint64
	datastore *Datastore
	guests    *machine.Guests

	mu    sync.Mutex
	byRef map[types.ManagedObjectReference]*machine.Machine
}

func newMachines(config Config, datastore *Datastore) *Machines {
	return &Machines{
		seed:      config.Seed,
		datastore: datastore,
		guests:    machine.NewGuests(config.guestInterval()),
		byRef:     map[types.ManagedObjectReference]*machine.Machine{},
	}
}

// Get returns nil for a VM that does not exist, or whose creation is not complete.
func (m *Machines) Get(ref types.ManagedObjectReference) *machine.Machine {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.byRef[ref]
}

// ensure creates the VM's machine and guest if they do not exist, and opens and closes disks to match the VM's devices.
// The caller holds the VM's lock.
func (m *Machines) ensure(vm *simulator.VirtualMachine) (*machine.Machine, error) {
	m.mu.Lock()
	found := m.byRef[vm.Self]
	isNew := found == nil
	if isNew {
		found = machine.New(vm.Name, fmt.Sprintf("%d/%s", m.seed, vm.Name))
		m.byRef[vm.Self] = found
	}
	m.mu.Unlock()
	err := m.syncDisks(vm, found)
	if isNew {
		found.SetPower(vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn)
		m.guests.Start(machine.NewGuest(found, machine.NewRandom(m.seed, "guest/"+vm.Name)))
	}
	return found, err
}

// rename gives the machine the name of its VM. It creates the machine of a VM whose creation has just become complete.
func (m *Machines) rename(vm *simulator.VirtualMachine) (*machine.Machine, error) {
	renamed, err := m.ensure(vm)
	renamed.Rename(vm.Name)
	return renamed, err
}

// syncDisks opens the disks that the VM has, and closes the disks that it no longer has.
func (m *Machines) syncDisks(vm *simulator.VirtualMachine, synced *machine.Machine) error {
	present := map[int32]bool{}
	var failures []error
	for _, device := range machine.VirtualDisks(vm.Config) {
		flat, ok := FlatFile(machine.BackingFile(device))
		if !ok {
			continue
		}
		present[device.Key] = true
		if synced.Disks.Get(device.Key) != nil {
			continue
		}
		opened, err := m.datastore.open(flat, device.CapacityInBytes)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		synced.Disks.Attach(device.Key, opened)
	}
	for _, key := range synced.Disks.Keys() {
		if !present[key] {
			synced.Disks.Detach(key)
		}
	}
	return errors.Join(failures...)
}

// remove closes the machine of a VM that was deleted.
func (m *Machines) remove(ref types.ManagedObjectReference) {
	m.mu.Lock()
	removed := m.byRef[ref]
	delete(m.byRef, ref)
	m.mu.Unlock()
	if removed != nil {
		removed.Close()
	}
}

// close stops all guests and closes all disks.
func (m *Machines) close() {
	m.guests.Stop()
	m.mu.Lock()
	all := slices.Collect(maps.Values(m.byRef))
	m.mu.Unlock()
	for _, closed := range all {
		closed.Close()
	}
}
