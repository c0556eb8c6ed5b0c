// The VMs' shapes: which disks on which controllers, which guest, which hardware version.

package main

import (
	"fmt"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	mebibyte    = 1 << 20
	networkName = "VM Network"
	nicKey      = 4000

	scsiKey       = 1000
	secondSCSIKey = 1001
	sataKey       = 15000
)

// diskPlan is one disk: on which controller and unit, how large, and how many bytes it starts with.
type diskPlan struct {
	Controller int32
	Unit       int32
	Size       int64
	Content    int64
}

// guestKind is an operating system.
type guestKind struct {
	ID, FullName, Family, Firmware string
}

// blueprint is what one VM shall be.
type blueprint struct {
	Name            string
	InstanceUUID    string
	BIOSUUID        string
	HardwareVersion int
	Kind            guestKind
	Guest           guestIdentity
	Disks           []diskPlan
	Override        Override
}

var guestKinds = []guestKind{
	{"centos7_64Guest", "CentOS 7 (64-bit)", "linuxGuest", "bios"},
	{"ubuntu64Guest", "Ubuntu Linux (64-bit)", "linuxGuest", "bios"},
	{"windows9Server64Guest", "Microsoft Windows Server 2016 (64-bit)", "windowsGuest", "efi"},
}

// diskShapes repeat every fourth VM: one disk, two on one controller, data on SATA, data on a second SCSI controller.
var diskShapes = [][]diskPlan{
	{{scsiKey, 0, 32 * mebibyte, 4 * mebibyte}},
	{{scsiKey, 0, 48 * mebibyte, 4 * mebibyte}, {scsiKey, 1, 32 * mebibyte, 2 * mebibyte}},
	{{scsiKey, 0, 48 * mebibyte, 4 * mebibyte}, {sataKey, 0, 32 * mebibyte, 2 * mebibyte}},
	{{scsiKey, 0, 32 * mebibyte, 4 * mebibyte}},
	{{scsiKey, 0, 48 * mebibyte, 4 * mebibyte}, {scsiKey, 1, 32 * mebibyte, 2 * mebibyte}},
	{{scsiKey, 0, 48 * mebibyte, 4 * mebibyte}, {secondSCSIKey, 0, 32 * mebibyte, 2 * mebibyte}},
}

func newBlueprint(config Config, index int) blueprint {
	name := machineName(index)
	override := config.Overrides[name]
	kind := guestKinds[index%len(guestKinds)]
	hardware := 13 + index%2
	if override.HardwareVersion != 0 {
		hardware = override.HardwareVersion
	}
	return blueprint{
		Name:            name,
		InstanceUUID:    stableUUID(fmt.Sprintf("%d/instance/%s", config.Seed, name)),
		BIOSUUID:        stableUUID(fmt.Sprintf("%d/bios/%s", config.Seed, name)),
		HardwareVersion: hardware,
		Kind:            kind,
		Guest: guestIdentity{
			Hostname: name + ".lab.internal",
			Address:  fmt.Sprintf("10.20.%d.%d", index/200, 10+index%200),
			FullName: kind.FullName,
			Family:   kind.Family,
		},
		Disks:    diskShapes[index%len(diskShapes)],
		Override: override,
	}
}

func stableUUID(name string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("cutover.smc/lab/"+name)).String()
}

// spec is the blueprint in vSphere's words.
func (b blueprint) spec() types.VirtualMachineConfigSpec {
	spec := types.VirtualMachineConfigSpec{
		Name:         b.Name,
		GuestId:      b.Kind.ID,
		Firmware:     b.Kind.Firmware,
		Version:      fmt.Sprintf("vmx-%02d", b.HardwareVersion),
		Uuid:         b.BIOSUUID,
		InstanceUuid: b.InstanceUUID,
		NumCPUs:      2,
		MemoryMB:     2048,
		Files:        &types.VirtualMachineFileInfo{VmPathName: fmt.Sprintf("[%s]", datastoreName)},
	}
	for _, controller := range b.controllers() {
		add(&spec, controller, "")
	}
	for index := range b.Disks {
		add(&spec, b.disk(index), types.VirtualDeviceConfigSpecFileOperationCreate)
	}
	add(&spec, networkCard(), "")
	return spec
}

func add(spec *types.VirtualMachineConfigSpec, device types.BaseVirtualDevice, operation types.VirtualDeviceConfigSpecFileOperation) {
	spec.DeviceChange = append(spec.DeviceChange, &types.VirtualDeviceConfigSpec{
		Operation: types.VirtualDeviceConfigSpecOperationAdd, FileOperation: operation, Device: device,
	})
}

func (b blueprint) controllers() []types.BaseVirtualDevice {
	var controllers []types.BaseVirtualDevice
	seen := map[int32]bool{}
	for _, disk := range b.Disks {
		if seen[disk.Controller] {
			continue
		}
		seen[disk.Controller] = true
		controllers = append(controllers, newController(disk.Controller))
	}
	return controllers
}

func newController(key int32) types.BaseVirtualDevice {
	device := types.VirtualDevice{Key: key, ControllerKey: 100}
	if key == sataKey {
		return &types.VirtualAHCIController{VirtualSATAController: types.VirtualSATAController{
			VirtualController: types.VirtualController{VirtualDevice: device},
		}}
	}
	return &types.ParaVirtualSCSIController{VirtualSCSIController: types.VirtualSCSIController{
		VirtualController:  types.VirtualController{VirtualDevice: device, BusNumber: key - scsiKey},
		SharedBus:          types.VirtualSCSISharingNoSharing,
		HotAddRemove:       types.NewBool(true),
		ScsiCtlrUnitNumber: 7,
	}}
}

// disk is the device of one disk; its key is the one that ESXi would give it.
func (b blueprint) disk(index int) *types.VirtualDisk {
	plan := b.Disks[index]
	key := 2000 + 16*(plan.Controller-scsiKey) + plan.Unit
	if plan.Controller == sataKey {
		key = 16000 + plan.Unit
	}
	return &types.VirtualDisk{
		VirtualDevice: types.VirtualDevice{
			Key:           key,
			ControllerKey: plan.Controller,
			UnitNumber:    types.NewInt32(plan.Unit),
			Backing:       b.backing(index),
			DeviceInfo:    &types.Description{Label: fmt.Sprintf("Hard disk %d", index+1)},
		},
		CapacityInBytes: plan.Size,
		CapacityInKB:    plan.Size / 1024,
	}
}

// backing is the disk's file; the VM's override applies to its last disk.
func (b blueprint) backing(index int) types.BaseVirtualDeviceBackingInfo {
	var override Override
	if index == len(b.Disks)-1 {
		override = b.Override
	}
	file := types.VirtualDeviceFileBackingInfo{FileName: fmt.Sprintf("[%s] %s/disk%d.vmdk", datastoreName, b.Name, index+1)}
	mode := string(types.VirtualDiskModePersistent)
	if override.DiskMode != "" {
		mode = override.DiskMode
	}
	identifier := stableUUID(fmt.Sprintf("%s/disk%d", b.InstanceUUID, index+1))
	if override.RDM != "" {
		return &types.VirtualDiskRawDiskMappingVer1BackingInfo{
			VirtualDeviceFileBackingInfo: file,
			CompatibilityMode:            override.RDM,
			DiskMode:                     mode,
			Sharing:                      override.Sharing,
			DeviceName:                   "vml.0200000000" + b.Name,
			LunUuid:                      identifier,
			Uuid:                         identifier,
		}
	}
	return &types.VirtualDiskFlatVer2BackingInfo{
		VirtualDeviceFileBackingInfo: file,
		DiskMode:                     mode,
		Sharing:                      override.Sharing,
		ThinProvisioned:              types.NewBool(true),
		Uuid:                         identifier,
	}
}

func networkCard() types.BaseVirtualDevice {
	return &types.VirtualVmxnet3{VirtualVmxnet: types.VirtualVmxnet{VirtualEthernetCard: types.VirtualEthernetCard{
		VirtualDevice: types.VirtualDevice{
			Key:           nicKey,
			ControllerKey: 100,
			UnitNumber:    types.NewInt32(7),
			Backing: &types.VirtualEthernetCardNetworkBackingInfo{
				VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: networkName},
			},
			Connectable: &types.VirtualDeviceConnectInfo{StartConnected: true, AllowGuestControl: true},
		},
		AddressType: string(types.VirtualEthernetCardMacTypeGenerated),
	}}}
}
