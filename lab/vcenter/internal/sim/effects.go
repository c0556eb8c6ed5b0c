// What events of the simulator do to a VM's disks, change tracking and guest. Callers hold the VM's lock.

package main

import (
	"path/filepath"
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// noFile is the key of a file that a layout does not have.
const noFile = -1

// stun makes the configuration's request for change tracking take effect.
func (l *Lab) stun(ctx *simulator.Context, vm *simulator.VirtualMachine, snapshotsExist bool) error {
	machine, err := l.adopt(vm)
	if err != nil {
		return err
	}
	changed, err := machine.Stun(requestedDisks(vm.Config), snapshotsExist)
	if err != nil {
		return err
	}
	if changed {
		l.refreshLayout(ctx, vm)
	}
	l.showTracking(ctx, vm, machine)
	return nil
}

// showTracking puts the present tracking into the VM's configuration.
func (l *Lab) showTracking(ctx *simulator.Context, vm *simulator.VirtualMachine, machine *Machine) {
	ids := machine.ChangeIDs()
	active := trackingRequested(vm.Config) && hardwareSupportsTracking(vm.Config)
	ctx.Update(vm, []types.PropertyChange{
		{Name: "config.changeTrackingEnabled", Val: active},
		{Name: "config.hardware.device", Val: withChangeIDs(vm.Config.Hardware.Device, ids)},
	})
}

// withChangeIDs is a copy of the device list whose disks carry these changeIds, others none.
func withChangeIDs(devices []types.BaseVirtualDevice, ids map[int32]string) []types.BaseVirtualDevice {
	copied := slices.Clone(devices)
	for index, device := range copied {
		if disk, ok := device.(*types.VirtualDisk); ok {
			copied[index] = withChangeID(disk, ids[disk.Key])
		}
	}
	return copied
}

// powerChanged starts or stops the guest; a power-on and a resume are stuns.
func (l *Lab) powerChanged(ctx *simulator.Context, vm *simulator.VirtualMachine, state string) error {
	machine, err := l.adopt(vm)
	if err != nil {
		return err
	}
	on := state == string(types.VirtualMachinePowerStatePoweredOn)
	if on {
		completeRuntime(vm)
		if err := l.stun(ctx, vm, snapshotCount(vm) > 0); err != nil {
			return err
		}
	}
	machine.SetPower(on)
	l.showGuest(ctx, vm, on)
	return nil
}

// snapshotsChanged compares the VM's snapshots with those that froze its disks.
func (l *Lab) snapshotsChanged(ctx *simulator.Context, vm *simulator.VirtualMachine) error {
	machine, err := l.adopt(vm)
	if err != nil {
		return err
	}
	live, known := map[string]bool{}, machine.Snapshots()
	for _, ref := range snapshotRefs(vm) {
		live[ref.Value] = true
	}
	for snapshot := range known {
		if !live[snapshot] {
			if err := machine.SnapshotRemoved(snapshot); err != nil {
				return err
			}
			l.refreshLayout(ctx, vm)
			if err := l.stun(ctx, vm, len(live) > 0); err != nil {
				return err
			}
		}
	}
	for _, ref := range snapshotRefs(vm) {
		if !known[ref.Value] {
			if err := l.snapshotTaken(ctx, vm, machine, ref, len(live) > 1); err != nil {
				return err
			}
		}
	}
	return nil
}

// snapshotTaken stuns the VM, freezes its disks and writes their changeIds into the snapshot's configuration.
func (l *Lab) snapshotTaken(ctx *simulator.Context, vm *simulator.VirtualMachine, machine *Machine, ref types.ManagedObjectReference, others bool) error {
	dataFile := l.takeDataFile(vm, ref)
	if err := l.stun(ctx, vm, others); err != nil {
		return err
	}
	if err := machine.SnapshotTaken(ref.Value, dataFile); err != nil {
		return err
	}
	l.showTracking(ctx, vm, machine)
	if snapshot, ok := l.registry.Get(ref).(*simulator.VirtualMachineSnapshot); ok {
		snapshot.Config.ChangeTrackingEnabled = vm.Config.ChangeTrackingEnabled
		snapshot.Config.Hardware.Device = withChangeIDs(snapshot.Config.Hardware.Device, machine.ChangeIDs())
	}
	return nil
}

// takeDataFile is where the snapshot's data file lies. The layout forgets it: the simulator removes the file that has
// its key, but hands keys out anew at every refresh, and so would remove another file.
func (l *Lab) takeDataFile(vm *simulator.VirtualMachine, ref types.ManagedObjectReference) string {
	for index := range vm.LayoutEx.Snapshot {
		layout := &vm.LayoutEx.Snapshot[index]
		if layout.Key != ref {
			continue
		}
		for _, file := range vm.LayoutEx.File {
			var parsed object.DatastorePath
			if file.Key == layout.DataKey && parsed.FromString(file.Name) {
				layout.DataKey = noFile
				return filepath.Join(l.datastoreDirectory(), parsed.Path)
			}
		}
	}
	return ""
}

// refreshLayout reads the VM's directory again.
func (l *Lab) refreshLayout(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	vm.RefreshStorageInfo(ctx, nil)
	ctx.Update(vm, []types.PropertyChange{{Name: "layoutEx", Val: vm.LayoutEx}})
}

func snapshotRefs(vm *simulator.VirtualMachine) []types.ManagedObjectReference {
	if vm.Snapshot == nil {
		return nil
	}
	return refsInTree(vm.Snapshot.RootSnapshotList)
}

func refsInTree(trees []types.VirtualMachineSnapshotTree) []types.ManagedObjectReference {
	var refs []types.ManagedObjectReference
	for _, tree := range trees {
		refs = append(refs, tree.Snapshot)
		refs = append(refs, refsInTree(tree.ChildSnapshotList)...)
	}
	return refs
}

func snapshotCount(vm *simulator.VirtualMachine) int { return len(snapshotRefs(vm)) }
