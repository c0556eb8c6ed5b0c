// Tests of which disks a configuration asks to track, and of the spelling of advanced settings.

package machine

import (
	"slices"
	"testing"

	"github.com/vmware/govmomi/vim25/types"
)

const testControllerKey = 1000

// trackedConfig describes a VM with one disk on scsi0:0 and the given advanced settings.
func trackedConfig(version string, backing types.BaseVirtualDeviceBackingInfo, settings ...string) *types.VirtualMachineConfigInfo {
	config := &types.VirtualMachineConfigInfo{Version: version}
	for index := 0; index < len(settings); index += 2 {
		config.ExtraConfig = append(config.ExtraConfig, &types.OptionValue{Key: settings[index], Value: settings[index+1]})
	}
	config.Hardware.Device = []types.BaseVirtualDevice{
		&types.ParaVirtualSCSIController{VirtualSCSIController: types.VirtualSCSIController{
			VirtualController: types.VirtualController{VirtualDevice: types.VirtualDevice{Key: testControllerKey}},
		}},
		&types.VirtualDisk{VirtualDevice: types.VirtualDevice{
			Key: testDiskKey, ControllerKey: testControllerKey, UnitNumber: types.NewInt32(0), Backing: backing,
		}},
	}
	return config
}

func TestRequestedDisks(t *testing.T) {
	flat := func(mode, sharing string) *types.VirtualDiskFlatVer2BackingInfo {
		return &types.VirtualDiskFlatVer2BackingInfo{DiskMode: mode, Sharing: sharing}
	}
	rdm := func(mode string) *types.VirtualDiskRawDiskMappingVer1BackingInfo {
		return &types.VirtualDiskRawDiskMappingVer1BackingInfo{CompatibilityMode: mode, DiskMode: "persistent"}
	}
	both := []string{"ctkEnabled", "TRUE", "scsi0:0.ctkEnabled", "TRUE"}
	cases := []struct {
		name   string
		config *types.VirtualMachineConfigInfo
		want   bool
	}{
		{"both keys", trackedConfig("vmx-13", flat("persistent", ""), both...), true},
		{"other case", trackedConfig("vmx-13", flat("persistent", ""), "CTKENABLED", "true", "SCSI0:0.ctkenabled", "True"), true},
		{"VM key only", trackedConfig("vmx-13", flat("persistent", ""), "ctkEnabled", "TRUE"), false},
		{"disk key only", trackedConfig("vmx-13", flat("persistent", ""), "scsi0:0.ctkEnabled", "TRUE"), false},
		{"misspelt key", trackedConfig("vmx-13", flat("persistent", ""), "ctkEnable", "TRUE", "scsi0:0.ctkEnabled", "TRUE"), false},
		{"oldest supported hardware", trackedConfig("vmx-07", flat("persistent", ""), both...), true},
		{"hardware too old", trackedConfig("vmx-06", flat("persistent", ""), both...), false},
		{"independent", trackedConfig("vmx-13", flat("independent_persistent", ""), both...), false},
		{"multi-writer", trackedConfig("vmx-13", flat("persistent", "sharingMultiWriter"), both...), false},
		{"physical RDM", trackedConfig("vmx-13", rdm("physicalMode"), both...), false},
		{"virtual RDM", trackedConfig("vmx-13", rdm("virtualMode"), both...), true},
	}
	for _, test := range cases {
		if got := RequestedDisks(test.config)[testDiskKey]; got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestNormaliseSettingsIgnoresCase(t *testing.T) {
	option := func(key, value string) types.BaseOptionValue { return &types.OptionValue{Key: key, Value: value} }
	present := []types.BaseOptionValue{option("ctkEnabled", "FALSE"), option("other", "1")}
	got := NormaliseSettings(present, []types.BaseOptionValue{
		option("CtkEnabled", "FALSE"), option("CTKENABLED", "TRUE"), option("missing", ""), option("OTHER", ""), option("New", "a"), option("new", "b"),
	})
	var formatted []string
	for _, entry := range got {
		formatted = append(formatted, entry.GetOptionValue().Key+"="+entry.GetOptionValue().Value.(string))
	}
	if want := []string{"ctkEnabled=TRUE", "other=", "New=b"}; !slices.Equal(formatted, want) {
		t.Errorf("got %v, want %v", formatted, want)
	}
}
