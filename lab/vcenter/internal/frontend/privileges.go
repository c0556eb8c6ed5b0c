// Which privileges a call needs, and the fault of a call whose user does not have them.

package frontend

import (
	"bytes"
	"encoding/json"

	"cutover.smc/lab/vcenter/internal/sim"
)

// privileges are the privileges that methods need.
var privileges = map[string]string{
	"ReconfigVM_Task":         "VirtualMachine.Config.AdvancedConfig",
	"PowerOnVM_Task":          "VirtualMachine.Interact.PowerOn",
	"PowerOffVM_Task":         "VirtualMachine.Interact.PowerOff",
	"ShutdownGuest":           "VirtualMachine.Interact.PowerOff",
	"ResetVM_Task":            "VirtualMachine.Interact.Reset",
	"RebootGuest":             "VirtualMachine.Interact.Reset",
	"SuspendVM_Task":          "VirtualMachine.Interact.Suspend",
	"CreateSnapshot_Task":     "VirtualMachine.State.CreateSnapshot",
	"CreateSnapshotEx_Task":   "VirtualMachine.State.CreateSnapshot",
	"RemoveSnapshot_Task":     "VirtualMachine.State.RemoveSnapshot",
	"RemoveAllSnapshots_Task": "VirtualMachine.State.RemoveSnapshot",
	"ConsolidateVMDisks_Task": "VirtualMachine.State.RemoveSnapshot",
	"RevertToSnapshot_Task":   "VirtualMachine.State.RevertToSnapshot",
	"UpgradeVM_Task":          "VirtualMachine.Config.UpgradeVirtualHardware",
	"QueryChangedDiskAreas":   "VirtualMachine.Provisioning.DiskRandomRead",
}

// privilegeFor returns the privilege that the fault NoPermission of a method names.
func privilegeFor(method string) string {
	if privilege, ok := privileges[method]; ok {
		return privilege
	}
	return "System.View"
}

// missingPrivilege returns the rule that answers a call if the user does not have a needed privilege. Otherwise it
// returns nil.
func missingPrivilege(simulation *sim.Simulation, call soapCall, body []byte) *Rule {
	for _, privilege := range privilegesFor(call.Method, body) {
		if !simulation.Privileges.Granted(simulation.Names(call.This), privilege) {
			details, _ := json.Marshal(map[string]string{"PrivilegeId": privilege})
			return &Rule{Method: call.Method, Fault: "NoPermission", Details: details}
		}
	}
	return nil
}

// privilegesFor returns the privileges that a call needs. Those of a reconfiguration depend on what it changes.
func privilegesFor(method string, body []byte) []string {
	if method != "ReconfigVM_Task" {
		if privilege, known := privileges[method]; known {
			return []string{privilege}
		}
		return nil
	}
	var needed []string
	if bytes.Contains(body, []byte("<changeTrackingEnabled>")) {
		needed = append(needed, "VirtualMachine.Config.ChangeTracking")
	}
	if bytes.Contains(body, []byte("<extraConfig")) {
		needed = append(needed, "VirtualMachine.Config.AdvancedConfig")
	}
	return needed
}
