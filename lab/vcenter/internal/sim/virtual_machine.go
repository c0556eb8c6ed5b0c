// The VM methods that differ from the simulator's or that it lacks.

package main

import (
	"errors"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// VirtualMachine wraps the simulator's VM for one session. The registry keeps the plain object, because the simulator
// asserts its type; a session's own registry wins over the shared one, so that is where the wrapper goes.
type VirtualMachine struct {
	*simulator.VirtualMachine
	lab *Lab
}

// dispatch is the registry's handler: it wraps the object that a session calls.
func (l *Lab) dispatch(ctx *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	if ctx.Session == nil {
		return nil, nil
	}
	l.sweep(ctx.Session)
	present := ctx.Session.Registry.Get(method.This)
	switch object := l.registry.Get(method.This).(type) {
	case *simulator.AuthorizationManager:
		if _, ok := present.(*AuthorizationManager); !ok {
			ctx.Session.Registry.Put(&AuthorizationManager{object, l})
		}
	case *simulator.VirtualMachine:
		if wrapper, ok := present.(*VirtualMachine); !ok || wrapper.VirtualMachine != object {
			ctx.WithLock(object, func() { ctx.Session.Registry.Put(&VirtualMachine{object, l}) })
		}
	case *simulator.VirtualMachineSnapshot:
		if wrapper, ok := present.(*Snapshot); !ok || wrapper.VirtualMachineSnapshot != object {
			ctx.WithLock(object, func() { ctx.Session.Registry.Put(&Snapshot{object, l}) })
		}
	}
	return nil, nil
}

// finish waits for a task that the simulator started on our behalf. It shares our lock.
func (l *Lab) finish(ref types.ManagedObjectReference) (types.AnyType, types.BaseMethodFault) {
	task := l.registry.Get(ref).(*simulator.Task)
	task.Wait()
	if task.Info.Error != nil {
		return nil, task.Info.Error.Fault
	}
	return task.Info.Result, nil
}

// ReconfigVMTask adds to the simulator's: optimistic locking, settings without regard to case, and change tracking.
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
		if !v.Config.Template { // of a template the simulator refuses any change, and must see this one
			spec.ChangeTrackingEnabled = nil
			spec.ExtraConfig = append(spec.ExtraConfig, trackingSettings(v.Config, *tracking)...)
		}
	}
	spec.ExtraConfig = normaliseSettings(v.Config.ExtraConfig, spec.ExtraConfig)
	response := v.VirtualMachine.ReconfigVMTask(ctx, request).(*methods.ReconfigVM_TaskBody)
	if _, fault := v.lab.finish(response.Res.Returnval); fault != nil {
		return fault
	}
	return v.reconfigured(ctx, tracking)
}

// reconfigured lets a request through the API act at once on a VM that is off; else it waits for a stun.
func (v *VirtualMachine) reconfigured(ctx *simulator.Context, tracking *bool) types.BaseMethodFault {
	ctx.Update(v.VirtualMachine, []types.PropertyChange{
		{Name: "capability.changeTrackingSupported", Val: hardwareSupportsTracking(v.Config)},
	})
	if tracking == nil {
		return nil
	}
	if v.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOff {
		return asFault(v.lab.stun(ctx, v.VirtualMachine, snapshotCount(v.VirtualMachine) > 0))
	}
	if v.lab.config.ReadBack == ReadBackAtOnce {
		ctx.Update(v.VirtualMachine, []types.PropertyChange{{Name: "config.changeTrackingEnabled", Val: *tracking}})
	}
	return nil
}

// UpgradeVMTask is the simulator's, and lets tracking become possible.
func (v *VirtualMachine) UpgradeVMTask(ctx *simulator.Context, request *types.UpgradeVM_Task) soap.HasFault {
	task := simulator.CreateTask(v.VirtualMachine, "upgradeVm", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		response := v.VirtualMachine.UpgradeVMTask(ctx, request).(*methods.UpgradeVM_TaskBody)
		if _, fault := v.lab.finish(response.Res.Returnval); fault != nil {
			return nil, fault
		}
		return nil, v.reconfigured(ctx, nil)
	})
	return &methods.UpgradeVM_TaskBody{Res: &types.UpgradeVM_TaskResponse{Returnval: task.Run(ctx)}}
}

// QueryChangedDiskAreas is not in the simulator.
func (v *VirtualMachine) QueryChangedDiskAreas(_ *simulator.Context, request *types.QueryChangedDiskAreas) soap.HasFault {
	info, fault := v.changedAreas(request)
	if fault != nil {
		return &methods.QueryChangedDiskAreasBody{Fault_: simulator.Fault(faultMessage(fault), fault)}
	}
	return &methods.QueryChangedDiskAreasBody{Res: &types.QueryChangedDiskAreasResponse{Returnval: *info}}
}

func (v *VirtualMachine) changedAreas(request *types.QueryChangedDiskAreas) (*types.DiskChangeInfo, types.BaseMethodFault) {
	var device *types.VirtualDisk
	for _, disk := range disksOf(v.Config) {
		if disk.Key == request.DeviceKey {
			device = disk
		}
	}
	machine := v.lab.machine(v.Self)
	if device == nil || machine == nil {
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
	areas, err := machine.ChangedAreas(request.DeviceKey, snapshot, request.ChangeId, request.StartOffset)
	if err != nil {
		return nil, trackingFault(err, device)
	}
	return page(areas, request.StartOffset, device.CapacityInBytes, v.lab.config.AreasPerPage), nil
}

func trackingFault(err error, device *types.VirtualDisk) types.BaseMethodFault {
	switch {
	case errors.Is(err, errWrongEpoch):
		return &types.InvalidArgument{InvalidProperty: "changeId"}
	case errors.Is(err, errNoSnapshot):
		return &types.NotFound{}
	default:
		return &types.FileFault{File: fileOf(device)}
	}
}

// page cuts the answer after so many areas; its length then ends with the last of them, where the client goes on.
func page(areas []Extent, start, capacity int64, limit int) *types.DiskChangeInfo {
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

// ConsolidateVMDisksTask is not in the simulator. There is never anything to merge, for layers merge at removal: what it
// changes is that the VM no longer says that it needs it.
func (v *VirtualMachine) ConsolidateVMDisksTask(ctx *simulator.Context, _ *types.ConsolidateVMDisks_Task) soap.HasFault {
	task := simulator.CreateTask(v.VirtualMachine, "consolidateDisks", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		ctx.Update(v.VirtualMachine, []types.PropertyChange{{Name: "runtime.consolidationNeeded", Val: false}})
		return nil, asFault(v.lab.stun(ctx, v.VirtualMachine, snapshotCount(v.VirtualMachine) > 0))
	})
	return &methods.ConsolidateVMDisks_TaskBody{Res: &types.ConsolidateVMDisks_TaskResponse{Returnval: task.Run(ctx)}}
}

// ShutdownGuest needs running tools, and a guest that listens to them.
func (v *VirtualMachine) ShutdownGuest(ctx *simulator.Context, request *types.ShutdownGuest) soap.HasFault {
	on := v.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn
	if on && v.Guest.ToolsRunningStatus != string(types.VirtualMachineToolsRunningStatusGuestToolsRunning) {
		fault := &types.ToolsUnavailable{}
		return &methods.ShutdownGuestBody{Fault_: simulator.Fault(faultMessage(fault), fault)}
	}
	if on && v.lab.config.Overrides[v.Name].IgnoresShutdown {
		return &methods.ShutdownGuestBody{Res: &types.ShutdownGuestResponse{}}
	}
	return v.VirtualMachine.ShutdownGuest(ctx, request)
}

// RevertToCurrentSnapshotTask reverts the disks too.
func (v *VirtualMachine) RevertToCurrentSnapshotTask(ctx *simulator.Context, _ *types.RevertToCurrentSnapshot_Task) soap.HasFault {
	if v.Snapshot == nil || v.Snapshot.CurrentSnapshot == nil {
		fault := &types.NotFound{}
		return &methods.RevertToCurrentSnapshot_TaskBody{Fault_: simulator.Fault(faultMessage(fault), fault)}
	}
	ref := *v.Snapshot.CurrentSnapshot
	task := simulator.CreateTask(v.VirtualMachine, "revertToCurrentSnapshot", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		return nil, v.lab.revert(ctx, v.VirtualMachine, ref)
	})
	return &methods.RevertToCurrentSnapshot_TaskBody{Res: &types.RevertToCurrentSnapshot_TaskResponse{Returnval: task.Run(ctx)}}
}

// asFault makes an unexpected error of the lab itself visible to the client.
func asFault(err error) types.BaseMethodFault {
	if err == nil {
		return nil
	}
	return &types.GenericVmConfigFault{Reason: err.Error()}
}
