// The VM methods that differ from the simulator's, and those that the simulator does not have.

package sim

import (
	"errors"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"cutover.smc/lab/vcenter/internal/disk"
	"cutover.smc/lab/vcenter/internal/machine"
)

// VirtualMachine wraps the simulator's VM for one session. The shared registry keeps the original object, because the
// simulator asserts its type. The wrapper is in the registry of the session, which has precedence over the shared one.
type VirtualMachine struct {
	*simulator.VirtualMachine
	simulation *Simulation
}

// wrapObject is the handler that the registry calls before each method. It wraps the object that a session calls.
func (s *Simulation) wrapObject(ctx *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	if ctx.Session == nil {
		return nil, nil
	}
	s.Sessions.forgetRemoved(ctx.Session)
	present := ctx.Session.Registry.Get(method.This)
	switch object := s.Inventory.Registry.Get(method.This).(type) {
	case *simulator.AuthorizationManager:
		if _, ok := present.(*AuthorizationManager); !ok {
			ctx.Session.Registry.Put(&AuthorizationManager{object, s})
		}
	case *simulator.VirtualMachine:
		if wrapper, ok := present.(*VirtualMachine); !ok || wrapper.VirtualMachine != object {
			ctx.WithLock(object, func() { ctx.Session.Registry.Put(&VirtualMachine{object, s}) })
		}
	case *simulator.VirtualMachineSnapshot:
		if wrapper, ok := present.(*Snapshot); !ok || wrapper.VirtualMachineSnapshot != object {
			ctx.WithLock(object, func() { ctx.Session.Registry.Put(&Snapshot{object, s}) })
		}
	}
	return nil, nil
}

// ReconfigVMTask adds to the simulator's method: optimistic locking, settings whose case is ignored, and change tracking.
func (v *VirtualMachine) ReconfigVMTask(ctx *simulator.Context, request *types.ReconfigVM_Task) soap.HasFault {
	task := simulator.CreateTask(v.VirtualMachine, "reconfigVm", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		return nil, v.reconfigure(ctx, request)
	})
	return &methods.ReconfigVM_TaskBody{Res: &types.ReconfigVM_TaskResponse{Returnval: task.Run(ctx)}}
}

func (v *VirtualMachine) reconfigure(ctx *simulator.Context, request *types.ReconfigVM_Task) types.BaseMethodFault {
	spec := &request.Spec
	if spec.ChangeVersion != "" && spec.ChangeVersion != v.Config.ChangeVersion {
		return &types.ConcurrentAccess{}
	}
	tracking := spec.ChangeTrackingEnabled
	if tracking != nil {
		if *tracking && !v.Capability.ChangeTrackingSupported {
			return &types.NotSupported{}
		}
		if !v.Config.Template { // the simulator rejects any change of a template, so it must receive this one
			spec.ChangeTrackingEnabled = nil
			spec.ExtraConfig = append(spec.ExtraConfig, machine.TrackingSettings(v.Config, *tracking)...)
		}
	}
	spec.ExtraConfig = machine.NormaliseSettings(v.Config.ExtraConfig, spec.ExtraConfig)
	response := v.VirtualMachine.ReconfigVMTask(ctx, request).(*methods.ReconfigVM_TaskBody)
	if _, fault := v.simulation.Inventory.waitForTask(response.Res.Returnval); fault != nil {
		return fault
	}
	return v.reconfigured(ctx, tracking)
}

// reconfigured makes a request through the API take effect immediately on a VM that is powered off. On any other VM the
// request takes effect at the next stun.
func (v *VirtualMachine) reconfigured(ctx *simulator.Context, tracking *bool) types.BaseMethodFault {
	ctx.Update(v.VirtualMachine, []types.PropertyChange{
		{Name: "capability.changeTrackingSupported", Val: machine.HardwareSupportsTracking(v.Config)},
	})
	if tracking == nil {
		return nil
	}
	if v.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOff {
		return asFault(v.simulation.effects.stun(ctx, v.VirtualMachine, snapshotCount(v.VirtualMachine) > 0))
	}
	if v.simulation.Config.ReadBack == ReadBackAtOnce {
		ctx.Update(v.VirtualMachine, []types.PropertyChange{{Name: "config.changeTrackingEnabled", Val: *tracking}})
	}
	return nil
}

// UpgradeVMTask also updates whether the hardware supports tracking.
func (v *VirtualMachine) UpgradeVMTask(ctx *simulator.Context, request *types.UpgradeVM_Task) soap.HasFault {
	task := simulator.CreateTask(v.VirtualMachine, "upgradeVm", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		response := v.VirtualMachine.UpgradeVMTask(ctx, request).(*methods.UpgradeVM_TaskBody)
		if _, fault := v.simulation.Inventory.waitForTask(response.Res.Returnval); fault != nil {
			return nil, fault
		}
		return nil, v.reconfigured(ctx, nil)
	})
	return &methods.UpgradeVM_TaskBody{Res: &types.UpgradeVM_TaskResponse{Returnval: task.Run(ctx)}}
}

// QueryChangedDiskAreas does not exist in the simulator.
func (v *VirtualMachine) QueryChangedDiskAreas(_ *simulator.Context, request *types.QueryChangedDiskAreas) soap.HasFault {
	info, fault := v.changedAreas(request)
	if fault != nil {
		return &methods.QueryChangedDiskAreasBody{Fault_: simulator.Fault(FaultMessage(fault), fault)}
	}
	return &methods.QueryChangedDiskAreasBody{Res: &types.QueryChangedDiskAreasResponse{Returnval: *info}}
}

func (v *VirtualMachine) changedAreas(request *types.QueryChangedDiskAreas) (*types.DiskChangeInfo, types.BaseMethodFault) {
	var device *types.VirtualDisk
	for _, candidate := range machine.VirtualDisks(v.Config) {
		if candidate.Key == request.DeviceKey {
			device = candidate
		}
	}
	m := v.simulation.Machines.Get(v.Self)
	if device == nil || m == nil {
		return nil, &types.InvalidArgument{InvalidProperty: "deviceKey"}
	}
	snapshot := ""
	if request.Snapshot != nil {
		snapshot = request.Snapshot.Value
	} else if v.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff {
		return nil, &types.InvalidArgument{InvalidProperty: "snapshot"}
	}
	if request.StartOffset < 0 || request.StartOffset >= device.CapacityInBytes {
		return nil, &types.InvalidArgument{InvalidProperty: "startOffset"}
	}
	areas, err := m.Disks.ChangedAreas(request.DeviceKey, snapshot, request.ChangeId, request.StartOffset)
	if err != nil {
		return nil, trackingFault(err, device)
	}
	return page(areas, request.StartOffset, device.CapacityInBytes, v.simulation.Config.AreasPerPage), nil
}

// trackingFault converts an error of the change tracking to the fault that vSphere answers.
func trackingFault(err error, device *types.VirtualDisk) types.BaseMethodFault {
	switch {
	case errors.Is(err, disk.ErrInvalidChangeID):
		return &types.InvalidArgument{InvalidProperty: "changeId"}
	case errors.Is(err, machine.ErrNoSnapshot):
		return &types.NotFound{}
	default:
		return &types.FileFault{File: machine.BackingFile(device)}
	}
}

// page limits the answer to a number of areas. The length of a limited answer ends with its last area, where the client
// continues.
func page(areas []disk.Extent, start, capacity int64, limit int) *types.DiskChangeInfo {
	info := &types.DiskChangeInfo{StartOffset: start, Length: capacity - start}
	if len(areas) > limit {
		areas = areas[:limit]
		info.Length = areas[limit-1].Start + areas[limit-1].Length - start
	}
	for _, area := range areas {
		info.ChangedArea = append(info.ChangedArea, types.DiskChangeExtent{Start: area.Start, Length: area.Length})
	}
	return info
}

// ConsolidateVMDisksTask does not exist in the simulator. It has nothing to merge, because layers are merged when a
// snapshot is removed. It only resets the VM's property consolidationNeeded.
func (v *VirtualMachine) ConsolidateVMDisksTask(ctx *simulator.Context, _ *types.ConsolidateVMDisks_Task) soap.HasFault {
	task := simulator.CreateTask(v.VirtualMachine, "consolidateDisks", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		ctx.Update(v.VirtualMachine, []types.PropertyChange{{Name: "runtime.consolidationNeeded", Val: false}})
		return nil, asFault(v.simulation.effects.stun(ctx, v.VirtualMachine, snapshotCount(v.VirtualMachine) > 0))
	})
	return &methods.ConsolidateVMDisks_TaskBody{Res: &types.ConsolidateVMDisks_TaskResponse{Returnval: task.Run(ctx)}}
}

// ShutdownGuest fails without running VMware Tools, and has no effect on a guest that ignores it.
func (v *VirtualMachine) ShutdownGuest(ctx *simulator.Context, request *types.ShutdownGuest) soap.HasFault {
	on := v.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn
	if on && v.Guest.ToolsRunningStatus != string(types.VirtualMachineToolsRunningStatusGuestToolsRunning) {
		fault := &types.ToolsUnavailable{}
		return &methods.ShutdownGuestBody{Fault_: simulator.Fault(FaultMessage(fault), fault)}
	}
	if on && v.simulation.Config.Overrides[v.Name].IgnoresShutdown {
		return &methods.ShutdownGuestBody{Res: &types.ShutdownGuestResponse{}}
	}
	return v.VirtualMachine.ShutdownGuest(ctx, request)
}

// RevertToCurrentSnapshotTask also reverts the disks, which the simulator does not have.
func (v *VirtualMachine) RevertToCurrentSnapshotTask(ctx *simulator.Context, _ *types.RevertToCurrentSnapshot_Task) soap.HasFault {
	if v.Snapshot == nil || v.Snapshot.CurrentSnapshot == nil {
		fault := &types.NotFound{}
		return &methods.RevertToCurrentSnapshot_TaskBody{Fault_: simulator.Fault(FaultMessage(fault), fault)}
	}
	ref := *v.Snapshot.CurrentSnapshot
	task := simulator.CreateTask(v.VirtualMachine, "revertToCurrentSnapshot", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		return nil, v.simulation.effects.revert(ctx, v.VirtualMachine, ref)
	})
	return &methods.RevertToCurrentSnapshot_TaskBody{Res: &types.RevertToCurrentSnapshot_TaskResponse{Returnval: task.Run(ctx)}}
}
