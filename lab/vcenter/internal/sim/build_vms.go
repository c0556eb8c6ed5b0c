// Creates the VMs from their blueprints and brings them into their initial state.

package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"cutover.smc/lab/vcenter/internal/machine"
)

// vmBuilder creates VMs through the simulator's API, then sets what the API cannot set.
type vmBuilder struct {
	config    Config
	inventory *Inventory
	effects   *effects
}

func (b vmBuilder) build(ctx context.Context, finder *find.Finder, datacenter *object.Datacenter) error {
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
	for index := range b.config.VMCount {
		blueprint := newBlueprint(b.config, index)
		number := index
		if blueprint.Override.Host != nil {
			number = *blueprint.Override.Host
		}
		folder, err := ensureFolder(ctx, folders.VmFolder, blueprint.Override.Folder)
		if err != nil {
			return err
		}
		if err := b.buildVM(ctx, blueprint, folder, pool, hosts[number%len(hosts)]); err != nil {
			return fmt.Errorf("%s: %w", blueprint.Name, err)
		}
	}
	return nil
}

// ensureFolder returns the folder at a path relative to another folder, and creates the missing parts of the path.
func ensureFolder(ctx context.Context, parent *object.Folder, path string) (*object.Folder, error) {
	for _, name := range strings.FieldsFunc(path, func(letter rune) bool { return letter == '/' }) {
		children, err := parent.Children(ctx)
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
			if next, err = parent.CreateFolder(ctx, name); err != nil {
				return nil, err
			}
		}
		parent = next
	}
	return parent, nil
}

func (b vmBuilder) buildVM(ctx context.Context, blueprint blueprint, folder *object.Folder, pool *object.ResourcePool, host *object.HostSystem) error {
	task, err := folder.CreateVM(ctx, blueprint.spec(), pool, host)
	if err != nil {
		return err
	}
	result, err := task.WaitForResult(ctx)
	if err != nil {
		return err
	}
	ref := result.Result.(types.ManagedObjectReference)
	vm := b.inventory.VM(ref)
	b.inventory.WithLock(vm, func() { err = b.initialise(vm, blueprint) })
	if err != nil {
		return err
	}
	if err := setAttributes(ctx, folder, ref, blueprint.Override.Attributes); err != nil {
		return err
	}
	if err := setInitialState(ctx, object.NewVirtualMachine(folder.Client(), ref), blueprint.Override); err != nil {
		return err
	}
	b.inventory.WithLock(vm, func() { b.overrideRuntime(vm, blueprint.Override) })
	return nil
}

// initialise fills the disks of a new VM, and sets the properties that the simulator does not take from a specification.
func (b vmBuilder) initialise(vm *simulator.VirtualMachine, blueprint blueprint) error {
	completeRuntime(vm)
	vm.Config.GuestFullName = blueprint.Guest.FullName
	vm.Summary.Config.GuestFullName = blueprint.Guest.FullName
	vm.Capability.ChangeTrackingSupported = machine.HardwareSupportsTracking(vm.Config)
	m, err := b.effects.machines.ensure(vm)
	if err != nil {
		return err
	}
	for index, key := range m.Disks.Keys() {
		source := machine.NewRandom(b.config.Seed, fmt.Sprintf("%s/disk%d", vm.Name, index+1))
		if err := machine.Fill(m.Disks.Get(key), source, blueprint.Disks[index].Content); err != nil {
			return err
		}
	}
	ctx := b.inventory.NewContext()
	vm.RefreshStorageInfo(ctx, nil)
	b.effects.guests.show(ctx, vm, false)
	return nil
}

// setAttributes sets the VM's custom attributes, and defines those that do not exist.
func setAttributes(ctx context.Context, folder *object.Folder, ref types.ManagedObjectReference, attributes map[string]string) error {
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

// setInitialState makes the VM a template, powers it on, suspends it or takes its snapshot, as its override says.
func setInitialState(ctx context.Context, vm *object.VirtualMachine, override Override) error {
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

// overrideRuntime sets runtime properties that no call to the simulator can produce.
func (b vmBuilder) overrideRuntime(vm *simulator.VirtualMachine, override Override) {
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
		b.inventory.NewContext().Update(vm, changes)
	}
}
