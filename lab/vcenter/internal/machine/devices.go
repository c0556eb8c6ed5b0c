// Reads the virtual disks of a VM's configuration: their addresses, files and changeIds.

package machine

import (
	"fmt"
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// VirtualDisks returns the disks among the configuration's devices.
func VirtualDisks(config *types.VirtualMachineConfigInfo) []*types.VirtualDisk {
	var disks []*types.VirtualDisk
	for _, device := range config.Hardware.Device {
		if found, ok := device.(*types.VirtualDisk); ok {
			disks = append(disks, found)
		}
	}
	return disks
}

// DiskAddress returns for example scsi0:1, sata0:0, ide1:0 or nvme0:2. It is empty if the disk's controller is missing
// or of an unknown kind.
func DiskAddress(devices object.VirtualDeviceList, addressed *types.VirtualDisk) string {
	controller := devices.FindByKey(addressed.ControllerKey)
	if controller == nil || addressed.UnitNumber == nil {
		return ""
	}
	var bus string
	switch controller.(type) {
	case types.BaseVirtualSCSIController:
		bus = "scsi"
	case *types.VirtualIDEController:
		bus = "ide"
	case types.BaseVirtualSATAController:
		bus = "sata"
	case *types.VirtualNVMEController:
		bus = "nvme"
	default:
		return ""
	}
	number := controller.(types.BaseVirtualController).GetVirtualController().BusNumber
	return fmt.Sprintf("%s%d:%d", bus, number, *addressed.UnitNumber)
}

// BackingFile returns the datastore path of the disk's descriptor file. It is empty if the disk has no file.
func BackingFile(backed *types.VirtualDisk) string {
	if backing, ok := backed.Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
		return backing.GetVirtualDeviceFileBackingInfo().FileName
	}
	return ""
}

// WithChangeIDs returns a copy of the device list in which each disk has the changeId of its device key, or none.
func WithChangeIDs(devices []types.BaseVirtualDevice, ids map[int32]string) []types.BaseVirtualDevice {
	copied := slices.Clone(devices)
	for index, device := range copied {
		if found, ok := device.(*types.VirtualDisk); ok {
			copied[index] = withChangeID(found, ids[found.Key])
		}
	}
	return copied
}

// withChangeID returns a copy, because the original may be in use in an answer to a client.
func withChangeID(original *types.VirtualDisk, changeID string) *types.VirtualDisk {
	changed := *original
	switch backing := original.Backing.(type) {
	case *types.VirtualDiskFlatVer2BackingInfo:
		copied := *backing
		copied.ChangeId = changeID
		changed.Backing = &copied
	case *types.VirtualDiskRawDiskMappingVer1BackingInfo:
		copied := *backing
		copied.ChangeId = changeID
		changed.Backing = &copied
	case *types.VirtualDiskSeSparseBackingInfo:
		copied := *backing
		copied.ChangeId = changeID
		changed.Backing = &copied
	}
	return &changed
}
