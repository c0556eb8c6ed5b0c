// The snapshot methods that differ from the simulator's: a removal that cannot end the process, and a revert of the disks.

package sim

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// Snapshot wraps the simulator's snapshot for one session, as VirtualMachine does for a VM.
type Snapshot struct {
	*simulator.VirtualMachineSnapshot
	simulation *Simulation
}

// RemoveSnapshotTask replaces the simulator's. That one ends the process if two clients remove a snapshot at the same
// time, or if the current snapshot has siblings but no parent.
func (s *Snapshot) RemoveSnapshotTask(ctx *simulator.Context, request *types.RemoveSnapshot_Task) soap.HasFault {
	task := simulator.CreateTask(s.Vm, "removeSnapshot", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		vm := s.simulation.Inventory.VM(s.Vm)
		if vm == nil || s.simulation.Inventory.Registry.Get(s.Self) == nil {
			return nil, &types.ManagedObjectNotFound{Obj: s.Self}
		}
		s.simulation.Inventory.removeSnapshot(ctx, vm, s.Self, request.RemoveChildren)
		return nil, nil
	})
	return &methods.RemoveSnapshot_TaskBody{Res: &types.RemoveSnapshot_TaskResponse{Returnval: task.Run(ctx)}}
}

// removeSnapshot removes the snapshot from the VM's tree and from the registry. The observer then merges the disks.
// The caller holds the VM's lock.
func (i *Inventory) removeSnapshot(ctx *simulator.Context, vm *simulator.VirtualMachine, ref types.ManagedObjectReference, withChildren bool) {
	before := snapshotRefs(vm)
	parent := parentInTree(vm.Snapshot.RootSnapshotList, nil, ref)
	tree := withoutSnapshot(vm.Snapshot.RootSnapshotList, ref, withChildren)
	left := refsInTree(tree)
	removed := slices.DeleteFunc(before, func(candidate types.ManagedObjectReference) bool { return slices.Contains(left, candidate) })
	vm.Layout.Snapshot = slices.DeleteFunc(vm.Layout.Snapshot, func(layout types.VirtualMachineFileLayoutSnapshotLayout) bool {
		return slices.Contains(removed, layout.Key)
	})
	vm.LayoutEx.Snapshot = slices.DeleteFunc(vm.LayoutEx.Snapshot, func(layout types.VirtualMachineFileLayoutExSnapshotLayout) bool {
		return slices.Contains(removed, layout.Key)
	})
	current := vm.Snapshot.CurrentSnapshot
	if current != nil && slices.Contains(removed, *current) {
		current = parent
	}
	ctx.Update(vm, snapshotProperties(tree, current))
	for _, gone := range removed {
		i.Registry.Remove(ctx, gone)
	}
}

// snapshotProperties returns the changes that give the VM this tree of snapshots.
func snapshotProperties(tree []types.VirtualMachineSnapshotTree, current *types.ManagedObjectReference) []types.PropertyChange {
	if len(tree) == 0 {
		return []types.PropertyChange{{Name: "snapshot", Val: nil}, {Name: "rootSnapshot", Val: nil}}
	}
	roots := make([]types.ManagedObjectReference, len(tree))
	for index, root := range tree {
		roots[index] = root.Snapshot
	}
	return []types.PropertyChange{
		{Name: "snapshot", Val: types.VirtualMachineSnapshotInfo{CurrentSnapshot: current, RootSnapshotList: tree}},
		{Name: "rootSnapshot", Val: roots},
	}
}

// parentInTree returns the parent of a snapshot. It returns nil for a root.
func parentInTree(trees []types.VirtualMachineSnapshotTree, parent *types.ManagedObjectReference, ref types.ManagedObjectReference) *types.ManagedObjectReference {
	for index := range trees {
		if trees[index].Snapshot == ref {
			return parent
		}
		if found := parentInTree(trees[index].ChildSnapshotList, &trees[index].Snapshot, ref); found != nil {
			return found
		}
	}
	return nil
}

// withoutSnapshot returns a copy of the trees without the snapshot. Its children replace it, or are removed with it.
func withoutSnapshot(trees []types.VirtualMachineSnapshotTree, ref types.ManagedObjectReference, withChildren bool) []types.VirtualMachineSnapshotTree {
	var result []types.VirtualMachineSnapshotTree
	for _, tree := range trees {
		switch {
		case tree.Snapshot != ref:
			tree.ChildSnapshotList = withoutSnapshot(tree.ChildSnapshotList, ref, withChildren)
			result = append(result, tree)
		case !withChildren:
			result = append(result, tree.ChildSnapshotList...)
		}
	}
	return result
}

// RevertToSnapshotTask also reverts the disks, which the simulator does not have.
func (s *Snapshot) RevertToSnapshotTask(ctx *simulator.Context, _ *types.RevertToSnapshot_Task) soap.HasFault {
	task := simulator.CreateTask(s.Vm, "revertToSnapshot", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		vm := s.simulation.Inventory.VM(s.Vm)
		if vm == nil || s.simulation.Inventory.Registry.Get(s.Self) == nil {
			return nil, &types.ManagedObjectNotFound{Obj: s.Self}
		}
		return nil, s.simulation.effects.revert(ctx, vm, s.Self)
	})
	return &methods.RevertToSnapshot_TaskBody{Res: &types.RevertToSnapshot_TaskResponse{Returnval: task.Run(ctx)}}
}

// snapshotRefs returns all snapshots of the VM, each before its children.
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
