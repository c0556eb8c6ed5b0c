// Tasks as clients know them: named after the method that started them, failing with a sentence.

package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
)

// taskMethods are the API's names of the methods behind the simulator's tasks.
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

// completeTask names the task after its method, because pyvmomi looks the name up and stumbles over one that it cannot
// find, and lets tasks of managers be about the root folder, because pyvmomi takes nothing but an inventory object.
func (l *Lab) completeTask(task *simulator.Task) {
	task.Info.Name = taskMethods[task.Info.Name]
	if _, inInventory := l.registry.Get(*task.Info.Entity).(mo.Entity); !inInventory {
		root := l.model.ServiceContent.RootFolder
		task.Info.Entity = &root
	}
}

// completeTaskError replaces the simulator's message, which is the name of a Go type.
func completeTaskError(task *mo.Task) {
	if task.Info.Error != nil && task.Info.Error.Fault != nil {
		task.Info.Error.LocalizedMessage = faultMessage(task.Info.Error.Fault)
	}
}
