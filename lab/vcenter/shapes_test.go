// Tests of the unusual VMs, hosts and events that a test can configure.

package main

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"cutover.smc/lab/vcenter/internal/machine"
	"cutover.smc/lab/vcenter/internal/sim"
)

func TestListedDisksHaveTheirAddresses(t *testing.T) {
	c := serve(t, func(config *Config) {
		config.DatastoreType = "NFS"
		config.Overrides = map[string]sim.Override{"app-01": {
			BusSharing: "physicalSharing",
			Disks: []sim.DiskOverride{
				{Controller: "scsi0", FirstClass: true},
				{Controller: "lsi2", Unit: 9, Sharing: "sharingMultiWriter"},
				{Controller: "sata1", Unit: 4},
				{Controller: "nvme0", Unit: 3, PMem: true},
				{Controller: "ide1"},
			},
		}}
	})
	vm := c.read(c.vm("app-01"))
	var addresses []string
	for _, disk := range machine.VirtualDisks(vm.Config) {
		addresses = append(addresses, machine.DiskAddress(object.VirtualDeviceList(vm.Config.Hardware.Device), disk))
	}
	slices.Sort(addresses)
	if want := []string{"ide1:0", "nvme0:3", "sata1:4", "scsi0:0", "scsi2:9"}; !slices.Equal(addresses, want) {
		t.Errorf("disks at %v instead of %v", addresses, want)
	}
}

func TestOverriddenProperties(t *testing.T) {
	c := serve(t, func(config *Config) {
		config.ESXiVersions = []string{"6.7.0-8169922", "8.0.2"}
		config.Overrides = map[string]sim.Override{"app-02": {
			FaultTolerance: "running", ConsolidationNeeded: true, ConnectionState: "inaccessible",
			Settings: map[string]string{"SCSI0:0.ctkEnabled": "TRUE"}, Firmware: "efi", GuestName: "FreeBSD",
		}}
	})
	vm := c.read(c.vm("app-02"))
	if vm.Runtime.FaultToleranceState != "running" || vm.Runtime.ConnectionState != "inaccessible" || !vm.Runtime.ConsolidationNeeded {
		t.Errorf("the VM's state: %+v", vm.Runtime)
	}
	if value, found := machine.Setting(vm.Config, "scsi0:0.ctkEnabled"); !found || value != "TRUE" || vm.Config.Firmware != "efi" {
		t.Error("the VM's configuration is not the override's")
	}
}

func TestMissingPrivilegesAreReportedAndEnforced(t *testing.T) {
	c := serve(t, nil)
	vm := c.vm("app-01")
	c.control(http.MethodPost, "/privileges", `{"object": "app-01", "denied": ["VirtualMachine.Config.ChangeTracking"]}`, nil)
	ids := []string{"VirtualMachine.Config.ChangeTracking", "VirtualMachine.Config.AdvancedConfig"}
	answer, err := methods.HasUserPrivilegeOnEntities(context.Background(), c.Client.Client, &types.HasUserPrivilegeOnEntities{
		This:     *c.ServiceContent.AuthorizationManager,
		Entities: []types.ManagedObjectReference{vm.Reference(), c.vm("app-02").Reference()},
		UserName: testUser,
		PrivId:   ids,
	})
	must(t, err)
	granted := func(entity int) []bool {
		list := answer.Returnval[entity].PrivAvailability
		return []bool{list[0].IsGranted, list[1].IsGranted}
	}
	if !slices.Equal(granted(0), []bool{false, true}) || !slices.Equal(granted(1), []bool{true, true}) {
		t.Errorf("privileges: %+v", answer.Returnval)
	}
	fault, ok := c.failure(vm, types.VirtualMachineConfigSpec{ChangeTrackingEnabled: types.NewBool(true)}).(types.NoPermission)
	if !ok || fault.PrivilegeId != ids[0] {
		t.Errorf("fault %+v", fault)
	}
	c.control(http.MethodDelete, "/privileges", "", nil)
	c.reconfigure(vm, types.VirtualMachineConfigSpec{ChangeTrackingEnabled: types.NewBool(true)})
}

func TestAnotherUserTakesSnapshotBeforeCall(t *testing.T) {
	c := serve(t, nil)
	vm := c.vm("app-01")
	c.control(http.MethodPost, "/faults", `{"method": "ReconfigVM_Task", "object": "app-01", "fault": "Snapshot nightly backup"}`, nil)
	c.reconfigure(vm, types.VirtualMachineConfigSpec{Annotation: "x"})
	snapshot := c.read(vm).Snapshot
	if snapshot == nil || snapshot.RootSnapshotList[0].Name != "nightly backup" {
		t.Error("the snapshot does not exist")
	}
}

func TestTrackingReset(t *testing.T) {
	c := serve(t, nil)
	vm := c.vm("app-01")
	c.reconfigure(vm, types.VirtualMachineConfigSpec{ChangeTrackingEnabled: types.NewBool(true)})
	c.removeSnapshot(vm, c.snapshot(vm, "stun"))
	tracked := c.machine(vm)
	before := tracked.Disks.ChangeIDs()
	if status := c.control(http.MethodPost, "/vms/app-01/tracking/reset", "", nil); status != http.StatusNoContent {
		t.Fatalf("status %d", status)
	}
	for key, id := range tracked.Disks.ChangeIDs() {
		if id == before[key] {
			t.Errorf("disk %d still has the changeId %s", key, id)
		}
	}
}

func TestSessionsCanBeEnded(t *testing.T) {
	c := serve(t, nil)
	c.vm("app-01")
	var keys []string
	if c.control(http.MethodGet, "/sessions", "", &keys); len(keys) == 0 || len(keys[0]) < 16 {
		t.Errorf("sessions %v", keys)
	}
	c.control(http.MethodDelete, "/sessions", "", nil)
	_, err := methods.GetCurrentTime(context.Background(), c.Client.Client)
	if _, ok := faultOf(err).(types.NotAuthenticated); !ok {
		t.Errorf("the session is still active: %v", err)
	}
}

func TestStandaloneHost(t *testing.T) {
	c := serve(t, func(config *Config) {
		config.StandaloneESXi, config.ESXiVersion = true, "8.0.2"
	})
	if c.IsVC() || c.ServiceContent.About.Version != "8.0.2" {
		t.Errorf("the service describes itself as %+v", c.ServiceContent.About)
	}
	finder := find.NewFinder(c.Client.Client, true)
	datacenter, err := finder.DefaultDatacenter(context.Background())
	must(t, err)
	vms, err := finder.SetDatacenter(datacenter).VirtualMachineList(context.Background(), "*")
	must(t, err)
	if len(vms) != 3 {
		t.Errorf("%d VMs", len(vms))
	}
}
