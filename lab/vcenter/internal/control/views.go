// The VMs and disks as GET /vms shows them.

package control

import (
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"cutover.smc/lab/vcenter/internal/machine"
	"cutover.smc/lab/vcenter/internal/sim"
)

// VM is a VM as GET /vms shows it.
type VM struct {
	Name            string   `json:"name"`
	MOID            string   `json:"moid"`
	UUID            string   `json:"uuid"`
	BIOSUUID        string   `json:"bios_uuid"`
	PowerState      string   `json:"power_state"`
	Service         string   `json:"service"`
	HardwareVersion string   `json:"hardware_version"`
	Template        bool     `json:"template"`
	Snapshots       []string `json:"snapshots"`
	IP              string   `json:"ip"`
	Hostname        string   `json:"hostname"`
	GuestOS         string   `json:"guest_os"`
	BootMode        string   `json:"boot_mode"`
	Disks           []Disk   `json:"disks"`
}

// Disk is a disk as GET /vms shows it.
type Disk struct {
	Key      int32  `json:"key"`
	Label    string `json:"label"`
	Address  string `json:"address"`
	Size     int64  `json:"size"`
	File     string `json:"file"`
	FlatFile string `json:"flat_file"`
	Backing  string `json:"backing"`
	Mode     string `json:"mode"`
	Tracked  bool   `json:"tracked"`
}

// describe reads the VM while it holds the VM's lock.
func describe(simulation *sim.Simulation, vm *simulator.VirtualMachine) VM {
	var view VM
	simulation.Inventory.WithLock(vm, func() {
		view = VM{
			Name: vm.Name, MOID: vm.Self.Value, UUID: vm.Config.InstanceUuid, BIOSUUID: vm.Config.Uuid,
			PowerState: string(vm.Runtime.PowerState), HardwareVersion: vm.Config.Version, Template: vm.Config.Template,
			Snapshots: []string{}, IP: vm.Guest.IpAddress, Hostname: vm.Guest.HostName, GuestOS: vm.Config.GuestId,
			BootMode: vm.Config.Firmware, Service: "stopped", Disks: []Disk{},
		}
		if vm.Snapshot != nil {
			view.Snapshots = snapshotNames(vm.Snapshot.RootSnapshotList)
		}
		tracked := map[int32]string{}
		if m := simulation.Machines.Get(vm.Self); m != nil {
			tracked = m.Disks.ChangeIDs()
			if m.ServiceRunning() {
				view.Service = "running"
			}
		}
		for _, disk := range machine.VirtualDisks(vm.Config) {
			_, isTracked := tracked[disk.Key]
			view.Disks = append(view.Disks, describeDisk(vm.Config.Hardware.Device, disk, isTracked))
		}
	})
	return view
}

func describeDisk(devices object.VirtualDeviceList, disk *types.VirtualDisk, tracked bool) Disk {
	view := Disk{
		Key: disk.Key, Address: machine.DiskAddress(devices, disk), Size: disk.CapacityInBytes, File: machine.BackingFile(disk),
		Tracked: tracked,
	}
	if disk.DeviceInfo != nil {
		view.Label = disk.DeviceInfo.GetDescription().Label
	}
	view.FlatFile, _ = sim.FlatFile(view.File)
	switch backing := disk.Backing.(type) {
	case *types.VirtualDiskFlatVer2BackingInfo:
		view.Backing, view.Mode = "flat", backing.DiskMode
	case *types.VirtualDiskLocalPMemBackingInfo:
		view.Backing, view.Mode = "pmem", backing.DiskMode
	case *types.VirtualDiskRawDiskMappingVer1BackingInfo:
		view.Backing, view.Mode = "rdm:"+backing.CompatibilityMode, backing.DiskMode
	default:
		view.Backing = "other"
	}
	return view
}

// snapshotNames returns the names of all snapshots, each before its children.
func snapshotNames(trees []types.VirtualMachineSnapshotTree) []string {
	names := []string{}
	for _, tree := range trees {
		names = append(names, tree.Name)
		names = append(names, snapshotNames(tree.ChildSnapshotList)...)
	}
	return names
}
