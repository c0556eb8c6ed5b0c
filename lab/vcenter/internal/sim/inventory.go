// Finds the simulator's objects.

package sim

import (
	"sort"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// Inventory gives access to the simulator's objects.
type Inventory struct {
	Service  *simulator.Service
	Registry *simulator.Registry

	rootFolder types.ManagedObjectReference
}

// NewContext returns a context, with locks of its own, for work outside a client's request.
func (i *Inventory) NewContext() *simulator.Context {
	ctx := *i.Service.Context
	return &ctx
}

// WithLock calls the function while it holds the VM's lock.
func (i *Inventory) WithLock(vm *simulator.VirtualMachine, do func()) {
	i.Registry.WithLock(i.NewContext(), vm, do)
}

// VM returns nil if the VM does not exist.
func (i *Inventory) VM(ref types.ManagedObjectReference) *simulator.VirtualMachine {
	vm, _ := i.Registry.Get(ref).(*simulator.VirtualMachine)
	return vm
}

// VMs returns all VMs ordered by name.
func (i *Inventory) VMs() []*simulator.VirtualMachine {
	var vms []*simulator.VirtualMachine
	names := map[*simulator.VirtualMachine]string{}
	for _, entity := range i.Registry.All("VirtualMachine") {
		if vm, ok := entity.(*simulator.VirtualMachine); ok {
			vms = append(vms, vm)
			i.WithLock(vm, func() { names[vm] = vm.Name })
		}
	}
	sort.Slice(vms, func(a, b int) bool { return names[vms[a]] < names[vms[b]] })
	return vms
}

// VMOf returns the VM of a snapshot. It returns the reference of any other object as it is.
func (i *Inventory) VMOf(ref types.ManagedObjectReference) types.ManagedObjectReference {
	if snapshot, ok := i.Registry.Get(ref).(*simulator.VirtualMachineSnapshot); ok {
		return snapshot.Vm
	}
	return ref
}
