// Builds the inventory: one datacenter, a cluster of two hosts, one datastore, and the VMs.

package main

import (
	"context"
	"fmt"
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
	datacenter, err := finder.Datacenter(ctx, datacenterName)
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
	model := simulator.VPX()
	model.Datacenter, model.Cluster, model.ClusterHost = 1, 1, hostCount
	model.Host, model.Machine, model.Datastore, model.Portgroup, model.Pool = 0, 0, 0, 0, 0
	about := &model.ServiceContent.About
	about.Version = l.config.VCenterVersion
	about.ApiVersion = apiVersion(l.config.VCenterVersion)
	about.FullName = fmt.Sprintf("VMware vCenter Server %s build-%s", about.Version, about.Build)
	l.model = model
	return model.Create()
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
	for _, host := range hosts {
		l.setHostVersion(l.registry.Get(host.Reference()).(*simulator.HostSystem))
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
	makeVMFS(l.registry.Get(datastore.Reference()).(*simulator.Datastore))
	return nil
}

func (l *Lab) setHostVersion(host *simulator.HostSystem) {
	product := host.Config.Product
	product.Version = l.config.ESXiVersion
	product.ApiVersion = apiVersion(l.config.ESXiVersion)
	product.FullName = fmt.Sprintf("VMware ESXi %s build-%s", product.Version, product.Build)
	host.Config.Product = product
	host.Summary.Config.Product = &product
}

// makeVMFS lets the datastore be of the kind on which all of change tracking works.
func makeVMFS(datastore *simulator.Datastore) {
	datastore.Summary.Type = string(types.HostFileSystemVolumeFileSystemTypeVMFS)
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
		host := hosts[index%len(hosts)]
		if err := l.buildMachine(ctx, blueprint, folders.VmFolder, pool, host); err != nil {
			return fmt.Errorf("%s: %w", blueprint.Name, err)
		}
	}
	return nil
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
	return l.setUp(ctx, object.NewVirtualMachine(folder.Client(), ref), blueprint.Override)
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
	if override.Snapshot == "" {
		return nil
	}
	task, err := vm.CreateSnapshot(ctx, override.Snapshot, "made with the lab", false, false)
	if err != nil {
		return err
	}
	return task.Wait(ctx)
}
