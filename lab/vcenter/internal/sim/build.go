// Builds the inventory: one datacenter, a cluster of two hosts, one datastore, and the VMs.

package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"
)

const hostCount = 2

// build makes the simulator and everything in it.
func (l *Lab) build(ctx context.Context) error {
	if err := l.prepareDirectories(); err != nil {
		return err
	}
	if err := l.buildModel(); err != nil {
		return err
	}
	l.registry = l.model.Map()
	client, err := vim25.NewClient(ctx, l.model.Service)
	if err != nil {
		return err
	}
	finder := find.NewFinder(client, false)
	datacenter, err := finder.Datacenter(ctx, l.datacenterName())
	if err != nil {
		return err
	}
	finder.SetDatacenter(datacenter)
	if err := l.buildHosts(ctx, finder); err != nil {
		return err
	}
	l.registry.AddHandler(newObserver(l))
	l.registry.Handler = l.dispatch
	return l.buildMachines(ctx, finder, datacenter)
}

func (l *Lab) buildModel() error {
	product, version := "VMware vCenter Server", l.config.VCenterVersion
	model := simulator.VPX()
	if l.config.StandaloneESXi {
		product, model = "VMware ESXi", simulator.ESX()
		version, _ = l.config.hostVersion(0)
	} else {
		model.Datacenter, model.Cluster, model.ClusterHost = 1, 1, hostCount
	}
	model.Host, model.Machine, model.Datastore, model.Portgroup, model.Pool = 0, 0, 0, 0, 0
	about := &model.ServiceContent.About
	about.Version = version
	about.ApiVersion = apiVersion(version)
	about.FullName = fmt.Sprintf("%s %s build-%s", product, about.Version, about.Build)
	l.model = model
	if err := model.Create(); err != nil {
		return err
	}
	if l.config.SessionTimeout == "" {
		return nil
	}
	model.Map().OptionManager().UpdateOptions(&types.UpdateOptions{ChangedValue: []types.BaseOptionValue{
		&types.OptionValue{Key: "config.vmacore.soap.sessionTimeout", Value: l.config.SessionTimeout},
	}})
	return nil
}

// datacenterName is DC0, or the one that every ESXi host has.
func (l *Lab) datacenterName() string {
	if l.config.StandaloneESXi {
		return "ha-datacenter"
	}
	return datacenterName
}

// apiVersion is 6.7 for vCenter 6.7.0, 6.7.3 for 6.7.3 and 8.0.2.0 for 8.0.2, as pyvmomi names them.
func apiVersion(version string) string {
	parts := strings.Split(version, ".")
	if len(parts) == 3 && (version < "7" || len(parts[0]) > 1) {
		return strings.TrimSuffix(version, ".0")
	}
	for len(parts) < 4 {
		parts = append(parts, "0")
	}
	return strings.Join(parts, ".")
}

// buildHosts gives the hosts their version and the datastore.
func (l *Lab) buildHosts(ctx context.Context, finder *find.Finder) error {
	hosts, err := finder.HostSystemList(ctx, "*")
	if err != nil {
		return err
	}
	for index, host := range hosts {
		l.setHostVersion(l.registry.Get(host.Reference()).(*simulator.HostSystem), index)
		system, err := host.ConfigManager().DatastoreSystem(ctx)
		if err != nil {
			return err
		}
		if _, err := system.CreateLocalDatastore(ctx, datastoreName, l.datastoreDirectory()); err != nil {
			return err
		}
	}
	datastore, err := finder.Datastore(ctx, datastoreName)
	if err != nil {
		return err
	}
	l.formatDatastore(l.registry.Get(datastore.Reference()).(*simulator.Datastore))
	return nil
}

func (l *Lab) setHostVersion(host *simulator.HostSystem, index int) {
	version, build := l.config.hostVersion(index)
	product := host.Config.Product
	product.Version = version
	product.ApiVersion = apiVersion(version)
	if build != "" {
		product.Build = build
	}
	product.FullName = fmt.Sprintf("VMware ESXi %s build-%s", product.Version, product.Build)
	host.Config.Product = product
	host.Summary.Config.Product = &product
}

// formatDatastore lets the datastore be VMFS, on which all of change tracking works, or whatever was asked for.
func (l *Lab) formatDatastore(datastore *simulator.Datastore) {
	datastore.Summary.Type = l.config.DatastoreType
	if l.config.DatastoreType != string(types.HostFileSystemVolumeFileSystemTypeVMFS) {
		return
	}
	datastore.Info = &types.VmfsDatastoreInfo{
		DatastoreInfo: *datastore.Info.GetDatastoreInfo(),
		Vmfs: &types.HostVmfsVolume{
			HostFileSystemVolume: types.HostFileSystemVolume{
				Type: datastore.Summary.Type, Name: datastoreName, Capacity: datastore.Summary.Capacity,
			},
			BlockSizeMb: 1, MaxBlocks: 63 << 20, MajorVersion: 6, Version: "6.82",
			Uuid: stableUUID("datastore"),
		},
	}
}

func (l *Lab) buildMachines(ctx context.Context, finder *find.Finder, datacenter *object.Datacenter) error {
	folders, err := datacenter.Folders(ctx)
	if err != nil {
		return err
	}
	pool, err := finder.DefaultResourcePool(ctx)
	if err != nil {
		return err
	}
	hosts, err := finder.HostSystemList(ctx, "*")
	if err != nil {
		return err
	}
	for index := range l.config.VMs {
		blueprint := newBlueprint(l.config, index)
		l.identities[blueprint.Name] = blueprint.Guest
		number := index
		if blueprint.Override.Host != nil {
			number = *blueprint.Override.Host
		}
		folder, err := l.folder(ctx, folders.VmFolder, blueprint.Override.Folder)
		if err != nil {
			return err
		}
		if err := l.buildMachine(ctx, blueprint, folder, pool, hosts[number%len(hosts)]); err != nil {
			return fmt.Errorf("%s: %w", blueprint.Name, err)
		}
	}
	return nil
}

// folder is the one at a path below another; what is missing of it is made.
func (l *Lab) folder(ctx context.Context, within *object.Folder, path string) (*object.Folder, error) {
	for _, name := range strings.FieldsFunc(path, func(letter rune) bool { return letter == '/' }) {
		children, err := within.Children(ctx)
		if err != nil {
			return nil, err
		}
		var next *object.Folder
		for _, child := range children {
			if folder, ok := child.(*object.Folder); ok {
				if present, err := folder.ObjectName(ctx); err == nil && present == name {
					next = folder
				}
			}
		}
		if next == nil {
			if next, err = within.CreateFolder(ctx, name); err != nil {
				return nil, err
			}
		}
		within = next
	}
	return within, nil
}

func (l *Lab) buildMachine(ctx context.Context, blueprint blueprint, folder *object.Folder, pool *object.ResourcePool, host *object.HostSystem) error {
	task, err := folder.CreateVM(ctx, blueprint.spec(), pool, host)
	if err != nil {
		return err
	}
	result, err := task.WaitForResult(ctx)
	if err != nil {
		return err
	}
	ref := result.Result.(types.ManagedObjectReference)
	vm := l.vm(ref)
	l.registry.WithLock(l.context(), vm, func() { err = l.furnish(vm, blueprint) })
	if err != nil {
		return err
	}
	if err := l.label(ctx, folder, ref, blueprint.Override.Attributes); err != nil {
		return err
	}
	if err := l.setUp(ctx, object.NewVirtualMachine(folder.Client(), ref), blueprint.Override); err != nil {
		return err
	}
	l.registry.WithLock(l.context(), vm, func() { l.afflict(vm, blueprint.Override) })
	return nil
}

// label gives the VM its custom attributes.
func (l *Lab) label(ctx context.Context, folder *object.Folder, ref types.ManagedObjectReference, attributes map[string]string) error {
	if len(attributes) == 0 {
		return nil
	}
	manager, err := object.GetCustomFieldsManager(folder.Client())
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		key, err := manager.FindKey(ctx, name)
		if err != nil {
			definition, err := manager.Add(ctx, name, "VirtualMachine", nil, nil)
			if err != nil {
				return err
			}
			key = definition.Key
		}
		if err := manager.Set(ctx, ref, key, attributes[name]); err != nil {
			return err
		}
	}
	return nil
}

// afflict shows of a VM what no call can bring about here.
func (l *Lab) afflict(vm *simulator.VirtualMachine, override Override) {
	var changes []types.PropertyChange
	if override.FaultTolerance != "" {
		state := types.VirtualMachineFaultToleranceState(override.FaultTolerance)
		changes = append(changes, types.PropertyChange{Name: "runtime.faultToleranceState", Val: state})
	}
	if override.ConsolidationNeeded {
		changes = append(changes, types.PropertyChange{Name: "runtime.consolidationNeeded", Val: true})
	}
	if override.ConnectionState != "" {
		state := types.VirtualMachineConnectionState(override.ConnectionState)
		changes = append(changes, types.PropertyChange{Name: "runtime.connectionState", Val: state})
	}
	if len(changes) > 0 {
		l.context().Update(vm, changes)
	}
}

// furnish gives a new VM its disks' content and what the simulator cannot be told at creation.
func (l *Lab) furnish(vm *simulator.VirtualMachine, blueprint blueprint) error {
	completeRuntime(vm)
	vm.Config.GuestFullName = blueprint.Guest.FullName
	vm.Summary.Config.GuestFullName = blueprint.Guest.FullName
	vm.Capability.ChangeTrackingSupported = hardwareSupportsTracking(vm.Config)
	machine, err := l.adopt(vm)
	if err != nil {
		return err
	}
	for index, key := range machine.Keys() {
		source := randomFor(l.config.Seed, fmt.Sprintf("%s/disk%d", vm.Name, index+1))
		if err := fillDisk(machine.Disk(key), source, blueprint.Disks[index].Content); err != nil {
			return err
		}
	}
	ctx := l.context()
	vm.RefreshStorageInfo(ctx, nil)
	l.showGuest(ctx, vm, false)
	return nil
}

// setUp brings the VM into the state in which tests find it.
func (l *Lab) setUp(ctx context.Context, vm *object.VirtualMachine, override Override) error {
	if override.Template {
		return vm.MarkAsTemplate(ctx)
	}
	if !override.PoweredOff {
		task, err := vm.PowerOn(ctx)
		if err == nil {
			err = task.Wait(ctx)
		}
		if err != nil {
			return err
		}
	}
	if override.Suspended {
		task, err := vm.Suspend(ctx)
		if err == nil {
			err = task.Wait(ctx)
		}
		return err
	}
	if override.Snapshot == "" {
		return nil
	}
	task, err := vm.CreateSnapshot(ctx, override.Snapshot, "made with the lab", false, false)
	if err != nil {
		return err
	}
	return task.Wait(ctx)
}
