// The effects of the simulator's events on a VM's disks, change tracking and guest. Callers hold the VM's lock.

package sim

import (
	"path/filepath"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"cutover.smc/lab/vcenter/internal/machine"
)

// noFile is the key in a layout that refers to no file.
const noFile = -1

// effects carries out what an event of the simulator means for the machine behind the VM.
type effects struct {
	inventory *Inventory
	machines  *Machines
	datastore *Datastore
	guests    *guestReports
}

// stun makes a request for change tracking in the VM's configuration take effect.
func (e *effects) stun(ctx *simulator.Context, vm *simulator.VirtualMachine, snapshotsExist bool) error {
	m, err := e.machines.ensure(vm)
	if err != nil {
		return err
	}
	changed, err := m.Disks.Stun(machine.RequestedDisks(vm.Config), snapshotsExist)
	if err != nil {
		return err
	}
	if changed {
		refreshLayout(ctx, vm)
	}
	showTracking(ctx, vm, m)
	return nil
}

// showTracking writes the current tracking into the VM's configuration.
func showTracking(ctx *simulator.Context, vm *simulator.VirtualMachine, m *machine.Machine) {
	active := machine.TrackingRequested(vm.Config) && machine.HardwareSupportsTracking(vm.Config)
	ctx.Update(vm, []types.PropertyChange{
		{Name: "config.changeTrackingEnabled", Val: active},
		{Name: "config.hardware.device", Val: machine.WithChangeIDs(vm.Config.Hardware.Device, m.Disks.ChangeIDs())},
	})
}

// powerChanged starts or stops the guest. A power-on and a resume are stuns.
func (e *effects) powerChanged(ctx *simulator.Context, vm *simulator.VirtualMachine, state string) error {
	m, err := e.machines.ensure(vm)
	if err != nil {
		return err
	}
	on := state == string(types.VirtualMachinePowerStatePoweredOn)
	if on {
		completeRuntime(vm)
		if err := e.stun(ctx, vm, snapshotCount(vm) > 0); err != nil {
			return err
		}
	}
	m.SetPower(on)
	e.guests.show(ctx, vm, on)
	return nil
}

// snapshotsChanged compares the VM's snapshots with the snapshots that froze its disks, and applies the difference.
func (e *effects) snapshotsChanged(ctx *simulator.Context, vm *simulator.VirtualMachine) error {
	m, err := e.machines.ensure(vm)
	if err != nil {
		return err
	}
	live, known := map[string]bool{}, m.Disks.Snapshots()
	for _, ref := range snapshotRefs(vm) {
		live[ref.Value] = true
	}
	for snapshot := range known {
		if !live[snapshot] {
			if err := m.Disks.SnapshotRemoved(snapshot); err != nil {
				return err
			}
			refreshLayout(ctx, vm)
			if err := e.stun(ctx, vm, len(live) > 0); err != nil {
				return err
			}
		}
	}
	for _, ref := range snapshotRefs(vm) {
		if !known[ref.Value] {
			if err := e.snapshotTaken(ctx, vm, m, ref, len(live) > 1); err != nil {
				return err
			}
		}
	}
	return nil
}

// snapshotTaken stuns the VM, freezes its disks, and writes the changeIds into the snapshot's configuration.
func (e *effects) snapshotTaken(ctx *simulator.Context, vm *simulator.VirtualMachine, m *machine.Machine, ref types.ManagedObjectReference, others bool) error {
	dataFile := e.takeDataFile(vm, ref)
	if err := e.stun(ctx, vm, others); err != nil {
		return err
	}
	if err := m.Disks.SnapshotTaken(ref.Value, dataFile); err != nil {
		return err
	}
	showTracking(ctx, vm, m)
	if snapshot, ok := e.inventory.Registry.Get(ref).(*simulator.VirtualMachineSnapshot); ok {
		snapshot.Config.ChangeTrackingEnabled = vm.Config.ChangeTrackingEnabled
		snapshot.Config.Hardware.Device = machine.WithChangeIDs(snapshot.Config.Hardware.Device, m.Disks.ChangeIDs())
	}
	return nil
}

// takeDataFile returns the path of the snapshot's data file, and removes the file from the layout. When a snapshot is
// removed, the simulator deletes the file that has the key in the layout. Every refresh assigns new keys, so without this
// it would delete another file.
func (e *effects) takeDataFile(vm *simulator.VirtualMachine, ref types.ManagedObjectReference) string {
	for index := range vm.LayoutEx.Snapshot {
		layout := &vm.LayoutEx.Snapshot[index]
		if layout.Key != ref {
			continue
		}
		for _, file := range vm.LayoutEx.File {
			var parsed object.DatastorePath
			if file.Key == layout.DataKey && parsed.FromString(file.Name) {
				layout.DataKey = noFile
				return filepath.Join(e.datastore.Directory(), parsed.Path)
			}
		}
	}
	return ""
}

// refreshLayout updates the VM's layout from its directory.
func refreshLayout(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	vm.RefreshStorageInfo(ctx, nil)
	ctx.Update(vm, []types.PropertyChange{{Name: "layoutEx", Val: vm.LayoutEx}})
}

// revert returns the disks to the snapshot's content. It powers the VM off, because no snapshot here holds memory.
func (e *effects) revert(ctx *simulator.Context, vm *simulator.VirtualMachine, ref types.ManagedObjectReference) types.BaseMethodFault {
	if vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff {
		response := vm.PowerOffVMTask(ctx, &types.PowerOffVM_Task{This: vm.Self}).(*methods.PowerOffVM_TaskBody)
		if _, fault := e.inventory.waitForTask(response.Res.Returnval); fault != nil {
			return fault
		}
	}
	m, err := e.machines.ensure(vm)
	if err == nil {
		err = m.Disks.Revert(ref.Value)
	}
	if err != nil {
		return asFault(err)
	}
	ctx.Update(vm, []types.PropertyChange{{Name: "snapshot.currentSnapshot", Val: ref}})
	return asFault(e.stun(ctx, vm, snapshotCount(vm) > 0))
}
