// What a VM's configuration asks of change tracking: advanced settings, disk addresses, and which disks can be tracked.

package main

import (
	"fmt"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

const machineKey = "ctkEnabled"

// minimumHardware is the oldest hardware version that can track changes.
const minimumHardware = 7

func isTrue(value any) bool {
	text := fmt.Sprint(value)
	return strings.EqualFold(text, "true") || text == "1"
}

// setting looks an advanced setting up; vSphere compares keys without regard to case.
func setting(config *types.VirtualMachineConfigInfo, key string) (any, bool) {
	for _, option := range config.ExtraConfig {
		if value := option.GetOptionValue(); strings.EqualFold(value.Key, key) {
			return value.Value, true
		}
	}
	return nil, false
}

// normaliseSettings gives every change the spelling under which the key is stored already, keeps the last change of
// each key, and drops removals of keys that are not there.
func normaliseSettings(present, changes []types.BaseOptionValue) []types.BaseOptionValue {
	spelling := map[string]string{}
	stored := map[string]bool{}
	for _, option := range present {
		key := option.GetOptionValue().Key
		spelling[strings.ToLower(key)] = key
		stored[strings.ToLower(key)] = true
	}
	last := map[string]any{}
	var order []string
	for _, option := range changes {
		value := option.GetOptionValue()
		key := strings.ToLower(value.Key)
		if _, known := spelling[key]; !known {
			spelling[key] = value.Key
		}
		if _, seen := last[key]; !seen {
			order = append(order, key)
		}
		last[key] = value.Value
	}
	var result []types.BaseOptionValue
	for _, key := range order {
		if last[key] == "" && !stored[key] {
			continue
		}
		result = append(result, &types.OptionValue{Key: spelling[key], Value: last[key]})
	}
	return result
}

func disksOf(config *types.VirtualMachineConfigInfo) []*types.VirtualDisk {
	var disks []*types.VirtualDisk
	for _, device := range config.Hardware.Device {
		if disk, ok := device.(*types.VirtualDisk); ok {
			disks = append(disks, disk)
		}
	}
	return disks
}

// diskAddress is scsi0:1, sata0:0, ide1:0 or nvme0:2; empty when the disk hangs on nothing known.
func diskAddress(devices object.VirtualDeviceList, disk *types.VirtualDisk) string {
	controller := devices.FindByKey(disk.ControllerKey)
	if controller == nil || disk.UnitNumber == nil {
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
	return fmt.Sprintf("%s%d:%d", bus, number, *disk.UnitNumber)
}

func diskKeyOf(config *types.VirtualMachineConfigInfo, disk *types.VirtualDisk) string {
	address := diskAddress(object.VirtualDeviceList(config.Hardware.Device), disk)
	if address == "" {
		return ""
	}
	return address + "." + machineKey
}

// hardwareSupportsTracking is what capability.changeTrackingSupported says.
func hardwareSupportsTracking(config *types.VirtualMachineConfigInfo) bool {
	version, err := types.ParseHardwareVersion(config.Version)
	return err == nil && version >= minimumHardware
}

// trackable tells whether the disk's kind can be tracked at all.
func trackable(config *types.VirtualMachineConfigInfo, disk *types.VirtualDisk) bool {
	var mode, compatibility, sharing string
	switch backing := disk.Backing.(type) {
	case *types.VirtualDiskFlatVer2BackingInfo:
		mode, sharing = backing.DiskMode, backing.Sharing
	case *types.VirtualDiskRawDiskMappingVer1BackingInfo:
		mode, sharing, compatibility = backing.DiskMode, backing.Sharing, backing.CompatibilityMode
	case *types.VirtualDiskSeSparseBackingInfo:
		mode = backing.DiskMode
	default:
		return false
	}
	return hardwareSupportsTracking(config) &&
		compatibility != string(types.VirtualDiskCompatibilityModePhysicalMode) &&
		!strings.HasPrefix(mode, "independent") &&
		sharing != string(types.VirtualDiskSharingSharingMultiWriter)
}

func trackingRequested(config *types.VirtualMachineConfigInfo) bool {
	value, _ := setting(config, machineKey)
	return isTrue(value)
}

// requestedDisks is the set of disks that shall be tracked from the next stun on.
func requestedDisks(config *types.VirtualMachineConfigInfo) map[int32]bool {
	wanted := map[int32]bool{}
	if !trackingRequested(config) {
		return wanted
	}
	for _, disk := range disksOf(config) {
		value, _ := setting(config, diskKeyOf(config, disk))
		if isTrue(value) && trackable(config, disk) {
			wanted[disk.Key] = true
		}
	}
	return wanted
}

// trackingSettings are the advanced settings that a request through the API writes.
func trackingSettings(config *types.VirtualMachineConfigInfo, wanted bool) []types.BaseOptionValue {
	value := strings.ToUpper(fmt.Sprint(wanted))
	settings := []types.BaseOptionValue{&types.OptionValue{Key: machineKey, Value: value}}
	for _, disk := range disksOf(config) {
		if key := diskKeyOf(config, disk); key != "" && (trackable(config, disk) || !wanted) {
			settings = append(settings, &types.OptionValue{Key: key, Value: value})
		}
	}
	return settings
}

func fileOf(disk *types.VirtualDisk) string {
	if backing, ok := disk.Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
		return backing.GetVirtualDeviceFileBackingInfo().FileName
	}
	return ""
}

// withChangeID is a copy of the disk with another changeId; the original may be on its way to a client.
func withChangeID(disk *types.VirtualDisk, changeID string) *types.VirtualDisk {
	changed := *disk
	switch backing := disk.Backing.(type) {
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
