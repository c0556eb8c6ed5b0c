// Messages for faults. The simulator sends its faults without a message.

package sim

import (
	"fmt"
	"reflect"

	"github.com/vmware/govmomi/vim25/types"
)

var faultMessages = map[string]string{
	"ConcurrentAccess":      "The object or item referred to was modified by another operation.",
	"FileAlreadyExists":     "The specified file already exists.",
	"FileNotFound":          "The specified file was not found.",
	"InvalidLogin":          "Cannot complete login due to an incorrect user name or password.",
	"InvalidPowerState":     "The attempted operation cannot be performed in the current state.",
	"InvalidState":          "The operation is not allowed in the current state.",
	"ManagedObjectNotFound": "The object has already been deleted or has not been completely created.",
	"MethodNotFound":        "The method is not implemented.",
	"NoPermission":          "Permission to perform this operation was denied.",
	"NotAuthenticated":      "The session is not authenticated.",
	"NotFound":              "The object or item referred to could not be found.",
	"NotSupported":          "The operation is not supported on the object.",
	"RequestCanceled":       "The task was canceled by a user.",
	"TaskInProgress":        "The operation cannot be performed because another task is in progress.",
	"ToolsUnavailable":      "The operation cannot be completed because VMware Tools is not running in this virtual machine.",
}

// FaultMessage returns what a vCenter says about the fault, in our words.
func FaultMessage(fault types.BaseMethodFault) string {
	switch known := fault.(type) {
	case *types.InvalidArgument:
		return fmt.Sprintf("A specified parameter was not correct: %s", known.InvalidProperty)
	case *types.FileFault:
		return fmt.Sprintf("Error caused by file %s", known.File)
	case *types.GenericVmConfigFault:
		return known.Reason
	}
	name := reflect.Indirect(reflect.ValueOf(fault)).Type().Name()
	if message, ok := MessageOfFault(name); ok {
		return message
	}
	return fmt.Sprintf("The operation failed: %s.", name)
}

// MessageOfFault returns the message of a fault by the name of its type. Not every fault has one.
func MessageOfFault(name string) (string, bool) {
	message, ok := faultMessages[name]
	return message, ok
}
