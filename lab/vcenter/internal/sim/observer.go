// The simulator tells this observer of every change, while it holds the changed object's lock: here power-on, snapshots
// and migration become stuns, and objects get what a client must be able to decode.

package main

import (
	"fmt"
	"log"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// Observer implements simulator.RegisterObject.
type Observer struct {
	lab  *Lab
	self types.ManagedObjectReference
}

func newObserver(lab *Lab) *Observer {
	return &Observer{lab: lab, self: types.ManagedObjectReference{Type: "LabObserver", Value: "observer"}}
}

// Reference identifies the observer among the registry's handlers.
func (o *Observer) Reference() types.ManagedObjectReference { return o.self }

// PutObject completes new objects.
func (o *Observer) PutObject(_ *simulator.Context, object mo.Reference) {
	switch made := object.(type) {
	case *simulator.VirtualMachine:
		completeRuntime(made)
	case *simulator.Task:
		o.lab.completeTask(made)
	}
}

// RemoveObject forgets what the lab knows of a removed object.
func (o *Observer) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
	switch ref.Type {
	case "VirtualMachine", "VirtualMachineSnapshot":
		o.lab.forget(ref)
	}
}

// UpdateObject reacts to property changes.
func (o *Observer) UpdateObject(ctx *simulator.Context, object mo.Reference, changes []types.PropertyChange) {
	switch changed := object.(type) {
	case *mo.Task:
		completeTaskError(changed)
	case *mo.VirtualMachine:
		vm := o.lab.vm(changed.Self)
		if vm == nil {
			return // not yet in the inventory, or no longer
		}
		if err := o.virtualMachineChanged(ctx, vm, changes); err != nil {
			log.Printf("%s: %v", changed.Name, err)
		}
	}
}

func (o *Observer) virtualMachineChanged(ctx *simulator.Context, vm *simulator.VirtualMachine, changes []types.PropertyChange) error {
	machine := o.lab.machine(vm.Self)
	for _, change := range changes {
		var err error
		if change.Name == "name" {
			machine, err = o.lab.named(vm)
		}
		if machine == nil {
			continue // still being created: its name comes last
		}
		switch change.Name {
		case "runtime.powerState":
			err = o.lab.powerChanged(ctx, vm, fmt.Sprint(change.Val))
		case "runtime.host":
			if vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
				err = o.lab.stun(ctx, vm, snapshotCount(vm) > 0)
			}
		case "snapshot", "snapshot.currentSnapshot", "snapshot.rootSnapshotList":
			err = o.lab.snapshotsChanged(ctx, vm)
		case "config.hardware.device":
			_, err = o.lab.adopt(vm)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// completeRuntime sets enumerations that the simulator leaves empty, which pyvmomi refuses to decode.
func completeRuntime(vm *simulator.VirtualMachine) {
	for _, runtime := range []*types.VirtualMachineRuntimeInfo{&vm.Runtime, &vm.Summary.Runtime} {
		runtime.FaultToleranceState = types.VirtualMachineFaultToleranceStateNotConfigured
		runtime.RecordReplayState = types.VirtualMachineRecordReplayStateInactive
	}
}
