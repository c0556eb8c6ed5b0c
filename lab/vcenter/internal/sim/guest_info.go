// The properties that VMware Tools report about a guest.

package sim

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

const toolsVersion = "10346"

// guestIdentity is what a guest reports about itself while VMware Tools run.
type guestIdentity struct {
	Hostname string
	Address  string
	FullName string
	Family   string
}

// guestReports writes the state of the guests into the properties of their VMs.
type guestReports struct {
	overrides  map[string]Override
	identities map[string]guestIdentity // by VM name
}

func newGuestReports(config Config) *guestReports {
	identities := map[string]guestIdentity{}
	for index := range config.VMCount {
		identities[VMName(index)] = newBlueprint(config, index).Guest
	}
	return &guestReports{overrides: config.Overrides, identities: identities}
}

// show writes the state of the guest after a power change.
func (g *guestReports) show(ctx *simulator.Context, vm *simulator.VirtualMachine, on bool) {
	ctx.Update(vm, guestProperties(g.identities[vm.Name], on, g.overrides[vm.Name].hasTools()))
	ctx.Update(vm, []types.PropertyChange{{Name: "guest.net", Val: guestNetwork(vm)}})
}

// guestProperties returns the properties of a guest by its power state and by whether it has VMware Tools.
func guestProperties(identity guestIdentity, on, tools bool) []types.PropertyChange {
	state, status, running, version := "notRunning", types.VirtualMachineToolsStatusToolsNotRunning,
		types.VirtualMachineToolsRunningStatusGuestToolsNotRunning, types.VirtualMachineToolsVersionStatusGuestToolsCurrent
	address, hostname := "", identity.Hostname
	switch {
	case !tools:
		status, version, hostname = types.VirtualMachineToolsStatusToolsNotInstalled, types.VirtualMachineToolsVersionStatusGuestToolsNotInstalled, ""
	case on:
		state, status, running = "running", types.VirtualMachineToolsStatusToolsOk, types.VirtualMachineToolsRunningStatusGuestToolsRunning
		address = identity.Address
	}
	shared := map[string]any{
		"toolsStatus": status, "toolsRunningStatus": string(running), "toolsVersionStatus": string(version),
		"toolsVersionStatus2": string(version), "ipAddress": address, "hostName": hostname, "guestFullName": identity.FullName,
	}
	changes := []types.PropertyChange{
		{Name: "guest.guestState", Val: state},
		{Name: "guest.guestFamily", Val: identity.Family},
	}
	if tools {
		changes = append(changes, types.PropertyChange{Name: "guest.toolsVersion", Val: toolsVersion})
	}
	for name, value := range shared {
		changes = append(changes,
			types.PropertyChange{Name: "guest." + name, Val: value},
			types.PropertyChange{Name: "summary.guest." + name, Val: value})
	}
	return changes
}

// guestNetwork returns the VM's network adapters. The first one has the guest's address.
func guestNetwork(vm *simulator.VirtualMachine) []types.GuestNicInfo {
	nics := []types.GuestNicInfo{}
	for _, device := range vm.Config.Hardware.Device {
		card, ok := device.(types.BaseVirtualEthernetCard)
		if !ok {
			continue
		}
		nic := types.GuestNicInfo{
			Network: networkName, DeviceConfigId: card.GetVirtualEthernetCard().Key, MacAddress: card.GetVirtualEthernetCard().MacAddress,
		}
		if address := vm.Guest.IpAddress; address != "" && len(nics) == 0 {
			nic.Connected, nic.IpAddress = true, []string{address}
		}
		nics = append(nics, nic)
	}
	return nics
}
