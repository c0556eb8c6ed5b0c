// The snapshot methods that differ from the simulator's: a removal that cannot end the process, and a revert with disks.

package main

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// Snapshot wraps the simulator's snapshot for one session.
type Snapshot struct {
	*simulator.VirtualMachineSnapshot
	lab *Lab
}

// RemoveSnapshotTask replaces the simulator's, which ends the process when two clients remove a snapshot at the same
// time, or when the current snapshot has siblings but no parent.
func (s *Snapshot) RemoveSnapshotTask(ctx *simulator.Context, request *types.RemoveSnapshot_Task) soap.HasFault {
	task := simulator.CreateTask(s.Vm, "removeSnapshot", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		vm := s.lab.vm(s.Vm)
		if vm == nil || s.lab.registry.Get(s.Self) == nil {
			return nil, &types.ManagedObjectNotFound{Obj: s.Self}
		}
		s.lab.removeSnapshot(ctx, vm, s.Self, request.RemoveChildren)
		return nil, nil
	})
	return &methods.RemoveSnapshot_TaskBody{Res: &types.RemoveSnapshot_TaskResponse{Returnval: task.Run(ctx)}}
}

// removeSnapshot takes the snapshot out of the VM's tree and out of the registry; the observer then merges the disks.
// The caller holds the VM's lock.
func (l *Lab) removeSnapshot(ctx *simulator.Context, vm *simulator.VirtualMachine, ref types.ManagedObjectReference, withChildren bool) {
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
		l.registry.Remove(ctx, gone)
	}
}

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

// withoutSnapshot is a copy of the trees in which the snapshot's children take its place, or are gone with it.
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

// RevertToSnapshotTask reverts the disks too.
func (s *Snapshot) RevertToSnapshotTask(ctx *simulator.Context, _ *types.RevertToSnapshot_Task) soap.HasFault {
	task := simulator.CreateTask(s.Vm, "revertToSnapshot", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		vm := s.lab.vm(s.Vm)
		if vm == nil || s.lab.registry.Get(s.Self) == nil {
			return nil, &types.ManagedObjectNotFound{Obj: s.Self}
		}
		return nil, s.lab.revert(ctx, vm, s.Self)
	})
	return &methods.RevertToSnapshot_TaskBody{Res: &types.RevertToSnapshot_TaskResponse{Returnval: task.Run(ctx)}}
}

// revert puts the disks back and, as no snapshot here holds memory, powers the VM off. The caller holds the VM's lock.
func (l *Lab) revert(ctx *simulator.Context, vm *simulator.VirtualMachine, ref types.ManagedObjectReference) types.BaseMethodFault {
	if vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff {
		response := vm.PowerOffVMTask(ctx, &types.PowerOffVM_Task{This: vm.Self}).(*methods.PowerOffVM_TaskBody)
		if _, fault := l.finish(response.Res.Returnval); fault != nil {
			return fault
		}
	}
	machine, err := l.adopt(vm)
	if err == nil {
		err = machine.Revert(ref.Value)
	}
	if err != nil {
		return asFault(err)
	}
	ctx.Update(vm, []types.PropertyChange{{Name: "snapshot.currentSnapshot", Val: ref}})
	return asFault(l.stun(ctx, vm, snapshotCount(vm) > 0))
}
