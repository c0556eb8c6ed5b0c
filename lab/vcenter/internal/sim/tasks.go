// Tasks as clients expect them: named after the API method that started them, with a message in each error.

package sim

import (
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// taskMethods are the API's names of the methods, by the names of the simulator's tasks.
var taskMethods = map[string]string{
	"CloneVm":                 "CloneVM_Task",
	"ConsolidateDisks":        "ConsolidateVMDisks_Task",
	"CreateSnapshotEx":        "CreateSnapshot_Task",
	"CreateVm":                "CreateVM_Task",
	"Destroy":                 "Destroy_Task",
	"PowerOff":                "PowerOffVM_Task",
	"PowerOn":                 "PowerOnVM_Task",
	"ReconfigVm":              "ReconfigVM_Task",
	"RelocateVm":              "RelocateVM_Task",
	"RemoveAllSnapshots":      "RemoveAllSnapshots_Task",
	"RemoveSnapshot":          "RemoveSnapshot_Task",
	"Reset":                   "ResetVM_Task",
	"RevertToCurrentSnapshot": "RevertToCurrentSnapshot_Task",
	"RevertToSnapshot":        "RevertToSnapshot_Task",
	"ShutdownGuest":           "ShutdownGuest",
	"StandbyGuest":            "StandbyGuest",
	"Suspend":                 "SuspendVM_Task",
	"UpgradeVm":               "UpgradeVM_Task",
}

// completeTask names the task after its method, because pyvmomi looks the name up and fails if it does not find it. It
// makes tasks of managers refer to the root folder, because pyvmomi accepts only an object of the inventory there.
func (i *Inventory) completeTask(task *simulator.Task) {
	task.Info.Name = taskMethods[task.Info.Name]
	if _, inInventory := i.Registry.Get(*task.Info.Entity).(mo.Entity); !inInventory {
		root := i.rootFolder
		task.Info.Entity = &root
	}
}

// completeTaskError replaces the simulator's message, which is the name of a Go type.
func completeTaskError(task *mo.Task) {
	if task.Info.Error != nil && task.Info.Error.Fault != nil {
		task.Info.Error.LocalizedMessage = FaultMessage(task.Info.Error.Fault)
	}
}

// waitForTask waits for a task that the simulator started on behalf of one of our methods, and that shares its lock.
func (i *Inventory) waitForTask(ref types.ManagedObjectReference) (types.AnyType, types.BaseMethodFault) {
	task := i.Registry.Get(ref).(*simulator.Task)
	task.Wait()
	if task.Info.Error != nil {
		return nil, task.Info.Error.Fault
	}
	return task.Info.Result, nil
}

// StartFailingTask starts a task about the object, or about the VM of a snapshot, which fails after the delay.
func (i *Inventory) StartFailingTask(ref types.ManagedObjectReference, name string, delay time.Duration, fault types.BaseMethodFault) types.ManagedObjectReference {
	task := simulator.CreateTask(i.VMOf(ref), name, func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		time.Sleep(delay)
		return nil, fault
	})
	return task.Run(i.NewContext())
}

// asFault makes an unexpected error of the simulation itself visible to the client.
func asFault(err error) types.BaseMethodFault {
	if err == nil {
		return nil
	}
	return &types.GenericVmConfigFault{Reason: err.Error()}
}
