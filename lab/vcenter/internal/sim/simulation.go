// Package sim is the simulated vCenter without its network side: govmomi's simulator, extended by change tracking, disks
// with real bytes and guests that write to them.
package sim

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// Simulation is the simulated vCenter, or one stand-alone ESXi host: its inventory and what each VM has beyond
// govmomi's simulator.
type Simulation struct {
	Config     Config
	Inventory  *Inventory
	Datastore  *Datastore
	Machines   *Machines
	Sessions   *Sessions
	Privileges *Privileges
	OtherUser  OtherUser

	model   *simulator.Model
	effects *effects
}

// New creates everything that the configuration describes, and starts the guests. It empties the data directory.
func New(ctx context.Context, config Config) (*Simulation, error) {
	datastore := newDatastore(config.dataDirectory())
	if err := datastore.prepare(); err != nil {
		return nil, err
	}
	model, err := createModel(config)
	if err != nil {
		return nil, err
	}
	inventory := &Inventory{Service: model.Service, Registry: model.Map(), rootFolder: model.ServiceContent.RootFolder}
	machines := newMachines(config, datastore)
	simulation := &Simulation{
		Config:     config,
		Inventory:  inventory,
		Datastore:  datastore,
		Machines:   machines,
		Sessions:   newSessions(inventory),
		Privileges: NewPrivileges(),
		OtherUser:  OtherUser{inventory},

		model:   model,
		effects: &effects{inventory: inventory, machines: machines, datastore: datastore, guests: newGuestReports(config)},
	}
	if err := build(ctx, simulation); err != nil {
		simulation.Close()
		return nil, err
	}
	return simulation, nil
}

// Close stops the guests, closes all disks and removes the simulator's temporary files.
func (s *Simulation) Close() {
	s.Machines.close()
	s.model.Remove()
}

// Names returns the names by which a rule or a denial may refer to the object: its reference and the name of its VM.
func (s *Simulation) Names(ref types.ManagedObjectReference) []string {
	names := []string{ref.Value}
	if m := s.Machines.Get(s.Inventory.VMOf(ref)); m != nil {
		names = append(names, m.Name())
	}
	return names
}

// ResetTracking starts a new epoch of all tracked disks, as ESXi does after a crash: no earlier changeId is valid.
func (s *Simulation) ResetTracking(vm *simulator.VirtualMachine) error {
	m := s.Machines.Get(vm.Self)
	if m == nil {
		return fmt.Errorf("the VM %s was deleted", vm.Self.Value)
	}
	s.Inventory.WithLock(vm, func() {
		m.Disks.ResetTracking()
		showTracking(s.Inventory.NewContext(), vm, m)
	})
	return nil
}
