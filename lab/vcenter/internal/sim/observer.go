// The observer of the simulator: it turns power-on, snapshots and migration into stuns, and completes new objects so that
// clients can decode them. The simulator calls it for every change while it holds the lock of the changed object.

package sim

import (
	"fmt"
	"log"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// Observer implements simulator.RegisterObject.
type Observer struct {
	inventory *Inventory
	machines  *Machines
	sessions  *Sessions
	effects   *effects
	self      types.ManagedObjectReference
}

func newObserver(simulation *Simulation) *Observer {
	return &Observer{
		inventory: simulation.Inventory,
		machines:  simulation.Machines,
		sessions:  simulation.Sessions,
		effects:   simulation.effects,
		self:      types.ManagedObjectReference{Type: "LabObserver", Value: "observer"},
	}
}

// Reference identifies the observer among the registry's handlers.
func (o *Observer) Reference() types.ManagedObjectReference { return o.self }

// PutObject completes a new object.
func (o *Observer) PutObject(_ *simulator.Context, object mo.Reference) {
	switch made := object.(type) {
	case *simulator.VirtualMachine:
		completeRuntime(made)
	case *simulator.Task:
		o.inventory.completeTask(made)
	}
}

// RemoveObject removes what belongs to a removed object.
func (o *Observer) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
	switch ref.Type {
	case "VirtualMachine", "VirtualMachineSnapshot":
		o.machines.remove(ref)
		o.sessions.objectRemoved(ref)
	}
}

// UpdateObject reacts to property changes.
func (o *Observer) UpdateObject(ctx *simulator.Context, object mo.Reference, changes []types.PropertyChange) {
	switch changed := object.(type) {
	case *mo.Task:
		completeTaskError(changed)
	case *mo.VirtualMachine:
		vm := o.inventory.VM(changed.Self)
		if vm == nil {
			return // not yet in the inventory, or no longer in it
		}
		if err := o.virtualMachineChanged(ctx, vm, changes); err != nil {
			log.Printf("%s: %v", changed.Name, err)
		}
	}
}

func (o *Observer) virtualMachineChanged(ctx *simulator.Context, vm *simulator.VirtualMachine, changes []types.PropertyChange) error {
	m := o.machines.Get(vm.Self)
	for _, change := range changes {
		var err error
		if change.Name == "name" {
			m, err = o.machines.rename(vm)
		}
		if m == nil {
			continue // its creation is not complete: the name is set last
		}
		switch change.Name {
		case "runtime.powerState":
			err = o.effects.powerChanged(ctx, vm, fmt.Sprint(change.Val))
		case "runtime.host":
			if vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
				err = o.effects.stun(ctx, vm, snapshotCount(vm) > 0)
			}
		case "snapshot", "snapshot.currentSnapshot", "snapshot.rootSnapshotList":
			err = o.effects.snapshotsChanged(ctx, vm)
		case "config.hardware.device":
			_, err = o.machines.ensure(vm)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// completeRuntime sets enumerations that the simulator leaves empty. pyvmomi cannot decode an empty one.
func completeRuntime(vm *simulator.VirtualMachine) {
	for _, runtime := range []*types.VirtualMachineRuntimeInfo{&vm.Runtime, &vm.Summary.Runtime} {
		runtime.FaultToleranceState = types.VirtualMachineFaultToleranceStateNotConfigured
		runtime.RecordReplayState = types.VirtualMachineRecordReplayStateInactive
	}
}
