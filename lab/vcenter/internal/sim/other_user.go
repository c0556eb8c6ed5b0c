// What another user of the vCenter may do to a VM at any time: take a snapshot, or power it off.

package sim

import (
	"context"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"
)

// OtherUser calls the simulator's API directly, so that its calls are neither counted nor subject to fault rules.
type OtherUser struct{ inventory *Inventory }

// TakeSnapshot takes a snapshot of the VM, or of the VM of a snapshot, and waits for it.
func (u OtherUser) TakeSnapshot(ctx context.Context, ref types.ManagedObjectReference, name string) error {
	vm, err := u.vm(ctx, ref)
	if err != nil {
		return err
	}
	task, err := vm.CreateSnapshot(ctx, name, "taken by somebody else", false, false)
	if err != nil {
		return err
	}
	return task.Wait(ctx)
}

// PowerOff powers off the VM, or the VM of a snapshot, and waits for it.
func (u OtherUser) PowerOff(ctx context.Context, ref types.ManagedObjectReference) error {
	vm, err := u.vm(ctx, ref)
	if err != nil {
		return err
	}
	task, err := vm.PowerOff(ctx)
	if err != nil {
		return err
	}
	return task.Wait(ctx)
}

func (u OtherUser) vm(ctx context.Context, ref types.ManagedObjectReference) (*object.VirtualMachine, error) {
	client, err := vim25.NewClient(ctx, u.inventory.Service)
	if err != nil {
		return nil, err
	}
	return object.NewVirtualMachine(client, u.inventory.VMOf(ref)), nil
}
