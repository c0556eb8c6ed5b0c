// The snapshot methods that differ from the simulator's: removal that cannot crash it, and revert with disks.

package main

import (
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

// RemoveSnapshotTask looks once more, under the VM's lock, whether the snapshot is still there: the simulator would
// end the process when two clients remove it at the same time.
func (s *Snapshot) RemoveSnapshotTask(ctx *simulator.Context, request *types.RemoveSnapshot_Task) soap.HasFault {
	task := simulator.CreateTask(s.Vm, "removeSnapshot", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		if s.lab.registry.Get(s.Self) == nil {
			return nil, &types.ManagedObjectNotFound{Obj: s.Self}
		}
		response := s.VirtualMachineSnapshot.RemoveSnapshotTask(ctx, request).(*methods.RemoveSnapshot_TaskBody)
		return s.lab.finish(response.Res.Returnval)
	})
	return &methods.RemoveSnapshot_TaskBody{Res: &types.RemoveSnapshot_TaskResponse{Returnval: task.Run(ctx)}}
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
