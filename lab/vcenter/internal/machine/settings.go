// Reads and writes the change-tracking settings of a VM's configuration, and decides which disks can be tracked.

package machine

import (
	"fmt"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// trackingKey is the advanced setting of the VM. The setting of a disk has the disk's address as a prefix.
const trackingKey = "ctkEnabled"

// minimumHardware is the oldest hardware version that can track changes.
const minimumHardware = 7

// Setting looks up an advanced setting. vSphere ignores the case of keys.
func Setting(config *types.VirtualMachineConfigInfo, key string) (any, bool) {
	for _, option := range config.ExtraConfig {
		if value := option.GetOptionValue(); strings.EqualFold(value.Key, key) {
			return value.Value, true
		}
	}
	return nil, false
}

// NormaliseSettings returns the changes in the spelling under which each key is already stored. It keeps only the last
// change of each key, and drops the removal of keys that do not exist.
func NormaliseSettings(present, changes []types.BaseOptionValue) []types.BaseOptionValue {
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

// HardwareSupportsTracking is the value of capability.changeTrackingSupported.
func HardwareSupportsTracking(config *types.VirtualMachineConfigInfo) bool {
	version, err := types.ParseHardwareVersion(config.Version)
	return err == nil && version >= minimumHardware
}

// TrackingRequested reports whether the VM's advanced setting asks for change tracking.
func TrackingRequested(config *types.VirtualMachineConfigInfo) bool {
	value, _ := Setting(config, trackingKey)
	return isTrue(value)
}

// RequestedDisks returns the device keys of the disks that must be tracked from the next stun on.
func RequestedDisks(config *types.VirtualMachineConfigInfo) map[int32]bool {
	wanted := map[int32]bool{}
	if !TrackingRequested(config) {
		return wanted
	}
	for _, candidate := range VirtualDisks(config) {
		value, _ := Setting(config, trackingKeyOf(config, candidate))
		if isTrue(value) && isTrackable(config, candidate) {
			wanted[candidate.Key] = true
		}
	}
	return wanted
}

// TrackingSettings returns the advanced settings that a request through changeTrackingEnabled writes.
func TrackingSettings(config *types.VirtualMachineConfigInfo, wanted bool) []types.BaseOptionValue {
	value := strings.ToUpper(fmt.Sprint(wanted))
	settings := []types.BaseOptionValue{&types.OptionValue{Key: trackingKey, Value: value}}
	for _, candidate := range VirtualDisks(config) {
		if key := trackingKeyOf(config, candidate); key != "" && (isTrackable(config, candidate) || !wanted) {
			settings = append(settings, &types.OptionValue{Key: key, Value: value})
		}
	}
	return settings
}

// trackingKeyOf returns the advanced setting of a disk, such as scsi0:0.ctkEnabled.
func trackingKeyOf(config *types.VirtualMachineConfigInfo, candidate *types.VirtualDisk) string {
	address := DiskAddress(object.VirtualDeviceList(config.Hardware.Device), candidate)
	if address == "" {
		return ""
	}
	return address + "." + trackingKey
}

// isTrackable reports whether a disk of this kind can be tracked at all.
func isTrackable(config *types.VirtualMachineConfigInfo, candidate *types.VirtualDisk) bool {
	var mode, compatibility, sharing string
	switch backing := candidate.Backing.(type) {
	case *types.VirtualDiskFlatVer2BackingInfo:
		mode, sharing = backing.DiskMode, backing.Sharing
	case *types.VirtualDiskRawDiskMappingVer1BackingInfo:
		mode, sharing, compatibility = backing.DiskMode, backing.Sharing, backing.CompatibilityMode
	case *types.VirtualDiskSeSparseBackingInfo:
		mode = backing.DiskMode
	default:
		return false
	}
	return HardwareSupportsTracking(config) &&
		compatibility != string(types.VirtualDiskCompatibilityModePhysicalMode) &&
		!strings.HasPrefix(mode, "independent") &&
		sharing != string(types.VirtualDiskSharingSharingMultiWriter)
}

func isTrue(value any) bool {
	text := fmt.Sprint(value)
	return strings.EqualFold(text, "true") || text == "1"
}
