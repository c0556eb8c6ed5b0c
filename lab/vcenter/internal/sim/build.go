// Builds the inventory: one datacenter, a cluster of two hosts (or one stand-alone host), one datastore, and the VMs.

package sim

import (
	"context"
	"fmt"
	"strings"

	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	hostCount = 2

	// standaloneDatacenter is the datacenter of every stand-alone ESXi host.
	standaloneDatacenter = "ha-datacenter"
)

// createModel creates the simulator with its datacenter and hosts, but without datastores and VMs.
func createModel(config Config) (*simulator.Model, error) {
	product, version := "VMware vCenter Server", config.VCenterVersion
	model := simulator.VPX()
	if config.StandaloneESXi {
		product, model = "VMware ESXi", simulator.ESX()
		version, _ = config.hostVersion(0)
	} else {
		model.Datacenter, model.Cluster, model.ClusterHost = 1, 1, hostCount
	}
	model.Host, model.Machine, model.Datastore, model.Portgroup, model.Pool = 0, 0, 0, 0, 0
	about := &model.ServiceContent.About
	about.Version = version
	about.ApiVersion = apiVersion(version)
	about.FullName = fmt.Sprintf("%s %s build-%s", product, about.Version, about.Build)
	if err := model.Create(); err != nil {
		if model.Service != nil {
			model.Remove()
		}
		return nil, err
	}
	if config.SessionTimeout != "" {
		model.Map().OptionManager().UpdateOptions(&types.UpdateOptions{ChangedValue: []types.BaseOptionValue{
			&types.OptionValue{Key: "config.vmacore.soap.sessionTimeout", Value: config.SessionTimeout},
		}})
	}
	return model, nil
}

// apiVersion returns 6.7 for vCenter 6.7.0, 6.7.3 for 6.7.3 and 8.0.2.0 for 8.0.2. These are pyvmomi's names.
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

// build sets up the hosts and the datastore, connects the simulation to the simulator, and creates the VMs.
func build(ctx context.Context, simulation *Simulation) error {
	client, err := vim25.NewClient(ctx, simulation.Inventory.Service)
	if err != nil {
		return err
	}
	name := DatacenterName
	if simulation.Config.StandaloneESXi {
		name = standaloneDatacenter
	}
	finder := find.NewFinder(client, false)
	datacenter, err := finder.Datacenter(ctx, name)
	if err != nil {
		return err
	}
	finder.SetDatacenter(datacenter)
	hosts := hostBuilder{config: simulation.Config, registry: simulation.Inventory.Registry, directory: simulation.Datastore.Directory()}
	if err := hosts.build(ctx, finder); err != nil {
		return err
	}
	simulation.Inventory.Registry.AddHandler(newObserver(simulation))
	simulation.Inventory.Registry.Handler = simulation.wrapObject
	vms := vmBuilder{config: simulation.Config, inventory: simulation.Inventory, effects: simulation.effects}
	return vms.build(ctx, finder, datacenter)
}

// hostBuilder sets up the hosts and the datastore.
type hostBuilder struct {
	config    Config
	registry  *simulator.Registry
	directory string
}

func (b hostBuilder) build(ctx context.Context, finder *find.Finder) error {
	hosts, err := finder.HostSystemList(ctx, "*")
	if err != nil {
		return err
	}
	for index, host := range hosts {
		b.setVersion(b.registry.Get(host.Reference()).(*simulator.HostSystem), index)
		system, err := host.ConfigManager().DatastoreSystem(ctx)
		if err != nil {
			return err
		}
		if _, err := system.CreateLocalDatastore(ctx, DatastoreName, b.directory); err != nil {
			return err
		}
	}
	datastore, err := finder.Datastore(ctx, DatastoreName)
	if err != nil {
		return err
	}
	b.setDatastoreType(b.registry.Get(datastore.Reference()).(*simulator.Datastore))
	return nil
}

func (b hostBuilder) setVersion(host *simulator.HostSystem, index int) {
	version, build := b.config.hostVersion(index)
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

// setDatastoreType makes the datastore VMFS, on which all of change tracking works, or the configured type.
func (b hostBuilder) setDatastoreType(datastore *simulator.Datastore) {
	datastore.Summary.Type = b.config.DatastoreType
	if b.config.DatastoreType != string(types.HostFileSystemVolumeFileSystemTypeVMFS) {
		return
	}
	datastore.Info = &types.VmfsDatastoreInfo{
		DatastoreInfo: *datastore.Info.GetDatastoreInfo(),
		Vmfs: &types.HostVmfsVolume{
			HostFileSystemVolume: types.HostFileSystemVolume{
				Type: datastore.Summary.Type, Name: DatastoreName, Capacity: datastore.Summary.Capacity,
			},
			BlockSizeMb: 1, MaxBlocks: 63 << 20, MajorVersion: 6, Version: "6.82",
			Uuid: stableUUID("datastore"),
		},
	}
}
