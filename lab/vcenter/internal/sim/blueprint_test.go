// A test of the disk addresses in the shapes of the VMs.

package sim

import (
	"slices"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"cutover.smc/lab/vcenter/internal/machine"
)

func TestDiskAddressesOfShapes(t *testing.T) {
	for index, want := range map[int][]string{0: {"scsi0:0"}, 1: {"scsi0:0", "scsi0:1"}, 2: {"scsi0:0", "sata0:0"}, 5: {"scsi0:0", "scsi1:0"}} {
		config := &types.VirtualMachineConfigInfo{}
		for _, change := range newBlueprint(DefaultConfig(), index).spec().DeviceChange {
			config.Hardware.Device = append(config.Hardware.Device, change.GetVirtualDeviceConfigSpec().Device)
		}
		var got []string
		for _, disk := range machine.VirtualDisks(config) {
			got = append(got, machine.DiskAddress(config.Hardware.Device, disk))
		}
		if !slices.Equal(got, want) {
			t.Errorf("shape of VM %d: %v, want %v", index+1, got, want)
		}
	}
}
