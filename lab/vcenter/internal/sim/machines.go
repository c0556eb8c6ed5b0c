// The lab: the simulator's registry, and for each of its VMs the Machine with the real disks.

package main

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	datacenterName = "DC0"
	datastoreName  = "LocalDS_0"
)

// Lab joins the simulator and the machines.
type Lab struct {
	config   Config
	model    *simulator.Model
	registry *simulator.Registry
	guests   *Guests
	requests *Requests
	faults   *Faults

	privileges *Privileges

	mu       sync.Mutex
	machines map[types.ManagedObjectReference]*Machine
	files    map[string]*Disk // flat file below the datastore -> disk
	removed  []types.ManagedObjectReference
	swept    map[string]int // session -> how much of removed it has forgotten

	identities map[string]guestIdentity // VM name -> what its guest reports; not changed once built
}

func newLab(config Config) *Lab {
	return &Lab{
		config:   config,
		guests:   newGuests(config.guestInterval()),
		requests: newRequests(),
		faults:   newFaults(config.Seed),

		privileges: newPrivileges(),

		machines: map[types.ManagedObjectReference]*Machine{},
		files:    map[string]*Disk{},
		swept:    map[string]int{},

		identities: map[string]guestIdentity{},
	}
}

// Close stops the guests, closes all files and removes what the simulator put into its temporary directory.
func (l *Lab) Close() {
	l.guests.Stop()
	for _, machine := range l.allMachines() {
		machine.Close()
	}
	if l.model != nil && l.model.Service != nil {
		l.model.Remove()
	}
}

func (l *Lab) datastoreDirectory() string {
	return filepath.Join(l.config.dataDirectory(), "datastore")
}

func (l *Lab) overlayDirectory(flat string) string {
	return filepath.Join(l.config.dataDirectory(), "overlays", url.PathEscape(flat))
}

// context is a locking context of its own for work outside a request.
func (l *Lab) context() *simulator.Context {
	ctx := *l.model.Service.Context
	return &ctx
}

// vm is the simulator's object, nil when there is none.
func (l *Lab) vm(ref types.ManagedObjectReference) *simulator.VirtualMachine {
	vm, _ := l.registry.Get(ref).(*simulator.VirtualMachine)
	return vm
}

// machine is nil for a VM that has not been adopted.
func (l *Lab) machine(ref types.ManagedObjectReference) *Machine {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.machines[ref]
}

func (l *Lab) allMachines() []*Machine {
	l.mu.Lock()
	defer l.mu.Unlock()
	machines := make([]*Machine, 0, len(l.machines))
	for _, machine := range l.machines {
		machines = append(machines, machine)
	}
	return machines
}

// allVMs are the simulator's objects, ordered by name.
func (l *Lab) allVMs() []*simulator.VirtualMachine {
	var vms []*simulator.VirtualMachine
	names := map[*simulator.VirtualMachine]string{}
	for _, entity := range l.registry.All("VirtualMachine") {
		if vm, ok := entity.(*simulator.VirtualMachine); ok {
			vms = append(vms, vm)
			l.registry.WithLock(l.context(), vm, func() { names[vm] = vm.Name })
		}
	}
	sort.Slice(vms, func(a, b int) bool { return names[vms[a]] < names[vms[b]] })
	return vms
}

// adopt gives the VM a Machine and a guest, if it has none, and opens disks that are new. The caller holds the VM's lock.
func (l *Lab) adopt(vm *simulator.VirtualMachine) (*Machine, error) {
	l.mu.Lock()
	machine := l.machines[vm.Self]
	isNew := machine == nil
	if isNew {
		machine = newMachine(vm.Name, fmt.Sprintf("%d/%s", l.config.Seed, vm.Name))
		l.machines[vm.Self] = machine
	}
	l.mu.Unlock()
	err := l.syncDisks(vm, machine)
	if isNew {
		machine.SetPower(vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn)
		l.guests.Start(newGuest(machine, randomFor(l.config.Seed, "guest/"+vm.Name)))
	}
	return machine, err
}

// named adopts a VM whose creation is complete, or follows a new name.
func (l *Lab) named(vm *simulator.VirtualMachine) (*Machine, error) {
	machine, err := l.adopt(vm)
	machine.Rename(vm.Name)
	return machine, err
}

// syncDisks opens the disks that the VM has and closes those that it has no longer.
func (l *Lab) syncDisks(vm *simulator.VirtualMachine, machine *Machine) error {
	present := map[int32]bool{}
	var failures []error
	for _, device := range disksOf(vm.Config) {
		flat, ok := flatFile(fileOf(device))
		if !ok {
			continue
		}
		present[device.Key] = true
		if machine.Disk(device.Key) == nil {
			failures = append(failures, l.attach(machine, device, flat))
		}
	}
	for _, key := range machine.Keys() {
		if !present[key] {
			machine.Detach(key)
		}
	}
	return errors.Join(failures...)
}

func (l *Lab) attach(machine *Machine, device *types.VirtualDisk, flat string) error {
	disk, err := openDisk(filepath.Join(l.datastoreDirectory(), flat), l.overlayDirectory(flat), device.CapacityInBytes)
	if err != nil {
		return err
	}
	machine.Attach(device.Key, disk)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files[flat] = disk
	return nil
}

// diskByFile finds a disk by its flat file's path below the datastore.
func (l *Lab) diskByFile(flat string) *Disk {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.files[flat]
}

// forget drops a VM that is gone from the inventory.
func (l *Lab) forget(ref types.ManagedObjectReference) {
	l.mu.Lock()
	machine := l.machines[ref]
	delete(l.machines, ref)
	l.removed = append(l.removed, ref)
	l.mu.Unlock()
	if machine != nil {
		machine.Close()
	}
}

// sweep removes the wrappers of objects that are gone from a session, which would else answer for them.
func (l *Lab) sweep(session *simulator.Session) {
	l.mu.Lock()
	gone := l.removed[l.swept[session.Key]:]
	l.swept[session.Key] = len(l.removed)
	l.mu.Unlock()
	for _, ref := range gone {
		session.Registry.Remove(l.context(), ref)
	}
}

// sessions are the keys of those that have asked for anything since the last end of all, living or not.
func (l *Lab) sessions() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.swept))
}

// endSessions ends the sessions of all clients, as a restart or an idle timeout does.
func (l *Lab) endSessions() {
	l.mu.Lock()
	keys := slices.Collect(maps.Keys(l.swept))
	clear(l.swept)
	l.mu.Unlock()
	for _, key := range keys {
		l.endSession(key)
	}
}

func (l *Lab) endSession(key string) {
	ctx := l.context()
	ctx.Session = &simulator.Session{}
	l.registry.SessionManager().TerminateSession(ctx, &types.TerminateSession{SessionId: []string{key}})
}

// prepareDirectories empties the lab's own directory, and keeps temporary files in it.
func (l *Lab) prepareDirectories() error {
	data := l.config.dataDirectory()
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	temporary := filepath.Join(data, "tmp")
	for _, directory := range []string{l.datastoreDirectory(), temporary} {
		if err := os.MkdirAll(directory, 0o700); err != nil {
			return err
		}
	}
	return os.Setenv("TMPDIR", temporary)
}

// flatFile is app-01/disk1-flat.vmdk for "[LocalDS_0] app-01/disk1.vmdk".
func flatFile(descriptor string) (string, bool) {
	var parsed object.DatastorePath
	if !parsed.FromString(descriptor) || parsed.Datastore != datastoreName || path.Ext(parsed.Path) != ".vmdk" {
		return "", false
	}
	return strings.TrimSuffix(parsed.Path, ".vmdk") + "-flat.vmdk", true
}
