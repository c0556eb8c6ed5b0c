// The blueprint of each VM: its disks and their controllers, its guest, its hardware version.

package sim

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	mebibyte    = 1 << 20
	networkName = "VM Network"
	nicKey      = 4000

	ideKey        = 200 // the simulator adds these controllers to every VM
	scsiKey       = 1000
	secondSCSIKey = 1001
	sataKey       = 15000
	nvmeKey       = 31000

	busesPerKind = 4
)

// diskPlan describes one disk: its controller and unit, its size, how many bytes of initial content it has, and its
// traits.
type diskPlan struct {
	Controller int32
	Unit       int32
	Size       int64
	Content    int64
	Traits     diskTraits
}

// plainDisk returns a disk without traits. The sizes are in MiB.
func plainDisk(controller, unit int32, size, content int64) diskPlan {
	return diskPlan{Controller: controller, Unit: unit, Size: size * mebibyte, Content: content * mebibyte}
}

// diskTraits are properties that affect change tracking or migration. A plain disk has none of them.
type diskTraits struct {
	LSI, FirstClass, PMem bool
	Mode, RDM, Sharing    string
}

// controllerKinds are the device keys of the first controller of each kind, as ESXi assigns them. A VM has up to four
// controllers of each kind.
var controllerKinds = map[string]int32{"scsi": scsiKey, "lsi": scsiKey, "sata": sataKey, "nvme": nvmeKey, "ide": ideKey}

// parseController returns the device key and the kind of a controller with a name such as nvme0.
func parseController(name string) (int32, string, error) {
	kind := strings.TrimRight(name, "0123456789")
	base, known := controllerKinds[kind]
	number, err := strconv.Atoi(strings.TrimPrefix(name, kind))
	if !known || err != nil || number >= busesPerKind {
		return 0, "", fmt.Errorf("unknown controller %q; it must be scsi0, lsi0, sata0, nvme0 or ide0, or another number up to 3", name)
	}
	return base + int32(number), kind, nil //nolint:gosec // below busesPerKind
}

// guestKind is a guest operating system.
type guestKind struct {
	ID, FullName, Family, Firmware string
}

// blueprint describes one VM that will be created.
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

// diskShapes repeat after the sixth VM: one disk; two disks on one controller; the second disk on SATA or, every other
// time, on a second SCSI controller.
var diskShapes = [][]diskPlan{
	{plainDisk(scsiKey, 0, 32, 4)},
	{plainDisk(scsiKey, 0, 48, 4), plainDisk(scsiKey, 1, 32, 2)},
	{plainDisk(scsiKey, 0, 48, 4), plainDisk(sataKey, 0, 32, 2)},
	{plainDisk(scsiKey, 0, 32, 4)},
	{plainDisk(scsiKey, 0, 48, 4), plainDisk(scsiKey, 1, 32, 2)},
	{plainDisk(scsiKey, 0, 48, 4), plainDisk(secondSCSIKey, 0, 32, 2)},
}

func newBlueprint(config Config, index int) blueprint {
	name := VMName(index)
	override := config.Overrides[name]
	kind := guestKinds[index%len(guestKinds)]
	hardware := 13 + index%2
	if override.HardwareVersion != 0 {
		hardware = override.HardwareVersion
	}
	if override.Firmware != "" {
		kind.Firmware = override.Firmware
	}
	if override.GuestName != "" {
		kind.FullName = override.GuestName
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
		Disks:    planDisks(diskShapes[index%len(diskShapes)], override),
		Override: override,
	}
}

// planDisks applies the override to the disks of a shape.
func planDisks(shape []diskPlan, override Override) []diskPlan {
	if len(override.Disks) == 0 {
		plans := append([]diskPlan{}, shape...)
		plans[len(plans)-1].Traits = diskTraits{Mode: override.DiskMode, RDM: override.RDM, Sharing: override.Sharing}
		return plans
	}
	plans := make([]diskPlan, len(override.Disks))
	for index, disk := range override.Disks {
		key, kind, _ := parseController(disk.Controller) // Config.Check has validated the name
		plans[index] = diskPlan{
			Controller: key,
			Unit:       disk.Unit,
			Size:       max(disk.SizeMiB, 8) * mebibyte,
			Content:    mebibyte,
			Traits: diskTraits{
				LSI: kind == "lsi", FirstClass: disk.FirstClass, PMem: disk.PMem,
				Mode: disk.Mode, RDM: disk.RDM, Sharing: disk.Sharing,
			},
		}
	}
	return plans
}

// stableUUID returns the same UUID for the same name in every run.
func stableUUID(name string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("cutover.smc/lab/"+name)).String()
}

// spec converts the blueprint to the specification that CreateVM_Task takes.
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
		Files:        &types.VirtualMachineFileInfo{VmPathName: fmt.Sprintf("[%s]", DatastoreName)},
	}
	for _, key := range slices.Sorted(maps.Keys(b.Override.Settings)) {
		spec.ExtraConfig = append(spec.ExtraConfig, &types.OptionValue{Key: key, Value: b.Override.Settings[key]})
	}
	for _, controller := range b.controllers() {
		addDevice(&spec, controller, "")
	}
	for index := range b.Disks {
		addDevice(&spec, b.disk(index), types.VirtualDeviceConfigSpecFileOperationCreate)
	}
	addDevice(&spec, networkCard(), "")
	return spec
}

func addDevice(spec *types.VirtualMachineConfigSpec, device types.BaseVirtualDevice, operation types.VirtualDeviceConfigSpecFileOperation) {
	spec.DeviceChange = append(spec.DeviceChange, &types.VirtualDeviceConfigSpec{
		Operation: types.VirtualDeviceConfigSpecOperationAdd, FileOperation: operation, Device: device,
	})
}

// controllers returns the controllers that the disks need and that the simulator does not add by itself.
func (b blueprint) controllers() []types.BaseVirtualDevice {
	var controllers []types.BaseVirtualDevice
	seen := map[int32]bool{}
	for _, disk := range b.Disks {
		if seen[disk.Controller] || disk.Controller < ideKey+busesPerKind {
			continue
		}
		seen[disk.Controller] = true
		controllers = append(controllers, b.newController(disk))
	}
	return controllers
}

func (b blueprint) newController(disk diskPlan) types.BaseVirtualDevice {
	key := disk.Controller
	bus := func(first int32) types.VirtualController {
		return types.VirtualController{VirtualDevice: types.VirtualDevice{Key: key, ControllerKey: 100}, BusNumber: key - first}
	}
	switch {
	case key >= nvmeKey:
		return &types.VirtualNVMEController{VirtualController: bus(nvmeKey)}
	case key >= sataKey:
		return &types.VirtualAHCIController{VirtualSATAController: types.VirtualSATAController{VirtualController: bus(sataKey)}}
	}
	sharing := types.VirtualSCSISharingNoSharing
	if b.Override.BusSharing != "" && key == scsiKey {
		sharing = types.VirtualSCSISharing(b.Override.BusSharing)
	}
	controller := types.VirtualSCSIController{
		VirtualController:  bus(scsiKey),
		SharedBus:          sharing,
		HotAddRemove:       types.NewBool(true),
		ScsiCtlrUnitNumber: 7,
	}
	if disk.Traits.LSI {
		return &types.VirtualLsiLogicController{VirtualSCSIController: controller}
	}
	return &types.ParaVirtualSCSIController{VirtualSCSIController: controller}
}

// diskKey returns the device key that ESXi would assign to the disk.
func (p diskPlan) diskKey() int32 {
	switch {
	case p.Controller >= nvmeKey:
		return 32000 + 15*(p.Controller-nvmeKey) + p.Unit
	case p.Controller >= sataKey:
		return 16000 + 30*(p.Controller-sataKey) + p.Unit
	case p.Controller >= scsiKey:
		return 2000 + 16*(p.Controller-scsiKey) + p.Unit
	default:
		return 3000 + 2*(p.Controller-ideKey) + p.Unit
	}
}

// disk returns the device of one disk.
func (b blueprint) disk(index int) *types.VirtualDisk {
	plan := b.Disks[index]
	disk := &types.VirtualDisk{
		VirtualDevice: types.VirtualDevice{
			Key:           plan.diskKey(),
			ControllerKey: plan.Controller,
			UnitNumber:    types.NewInt32(plan.Unit),
			Backing:       b.backing(index),
			DeviceInfo:    &types.Description{Label: fmt.Sprintf("Hard disk %d", index+1)},
		},
		CapacityInBytes: plan.Size,
		CapacityInKB:    plan.Size / 1024,
	}
	if plan.Traits.FirstClass {
		disk.VDiskId = &types.ID{Id: stableUUID(fmt.Sprintf("%s/first-class/%d", b.InstanceUUID, index))}
	}
	return disk
}

// backing returns the backing of one disk: its file, and for an RDM its LUN.
func (b blueprint) backing(index int) types.BaseVirtualDeviceBackingInfo {
	traits := b.Disks[index].Traits
	file := types.VirtualDeviceFileBackingInfo{FileName: fmt.Sprintf("[%s] %s/disk%d.vmdk", DatastoreName, b.Name, index+1)}
	mode := string(types.VirtualDiskModePersistent)
	if traits.Mode != "" {
		mode = traits.Mode
	}
	identifier := stableUUID(fmt.Sprintf("%s/disk%d", b.InstanceUUID, index+1))
	if traits.PMem {
		return &types.VirtualDiskLocalPMemBackingInfo{VirtualDeviceFileBackingInfo: file, DiskMode: mode, Uuid: identifier}
	}
	if traits.RDM != "" {
		return &types.VirtualDiskRawDiskMappingVer1BackingInfo{
			VirtualDeviceFileBackingInfo: file,
			CompatibilityMode:            traits.RDM,
			DiskMode:                     mode,
			Sharing:                      traits.Sharing,
			DeviceName:                   "vml.0200000000" + b.Name,
			LunUuid:                      identifier,
			Uuid:                         identifier,
		}
	}
	return &types.VirtualDiskFlatVer2BackingInfo{
		VirtualDeviceFileBackingInfo: file,
		DiskMode:                     mode,
		Sharing:                      traits.Sharing,
		ThinProvisioned:              types.NewBool(true),
		Uuid:                         identifier,
	}
}

// networkCard returns a VMXNET3 adapter.
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
