// The change-tracking state machine, without the simulator.

package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"
)

const testDiskKey = 2000

var (
	wanted   = map[int32]bool{testDiskKey: true}
	unwanted = map[int32]bool{}
)

func testMachine(t *testing.T) *Machine {
	t.Helper()
	directory := t.TempDir()
	disk, err := openDisk(filepath.Join(directory, "disk1-flat.vmdk"), filepath.Join(directory, "overlays"), testDiskSize)
	must(t, err)
	machine := newMachine("app-01", "1/app-01")
	machine.Attach(testDiskKey, disk)
	machine.SetPower(true)
	t.Cleanup(machine.Close)
	return machine
}

func guestWrites(t *testing.T, machine *Machine, blocks ...int64) {
	t.Helper()
	for _, block := range blocks {
		must(t, machine.GuestWrite(func([]int64) (int, int64, []byte) { return 0, block * blockSize, []byte("data") }))
	}
}

func stun(t *testing.T, machine *Machine, wanted map[int32]bool, snapshotsExist bool) bool {
	t.Helper()
	changed, err := machine.Stun(wanted, snapshotsExist)
	must(t, err)
	return changed
}

func ctkFile(machine *Machine) string { return machine.disks[testDiskKey].ctkPath }

func blocksIn(extents []Extent) []int64 {
	var blocks []int64
	for _, extent := range extents {
		for offset := extent.Start; offset < extent.Start+extent.Length; offset += blockSize {
			blocks = append(blocks, offset/blockSize)
		}
	}
	return blocks
}

func changedBlocks(t *testing.T, machine *Machine, snapshot, changeID string) []int64 {
	t.Helper()
	areas, err := machine.ChangedAreas(testDiskKey, snapshot, changeID, 0)
	must(t, err)
	return blocksIn(areas)
}

func TestTrackingStartsAndEndsOnlyAtAStun(t *testing.T) {
	machine := testMachine(t)
	if exists(ctkFile(machine)) || len(machine.ChangeIDs()) != 0 {
		t.Fatal("a new VM is tracked")
	}
	if !stun(t, machine, wanted, false) || !exists(ctkFile(machine)) || len(machine.ChangeIDs()) != 1 {
		t.Fatal("the request did not take effect")
	}
	if stun(t, machine, wanted, false) {
		t.Error("a second stun changed something")
	}
	if !stun(t, machine, unwanted, false) || exists(ctkFile(machine)) || len(machine.ChangeIDs()) != 0 {
		t.Error("tracking did not end")
	}
}

func TestChangedAreasBetweenSnapshots(t *testing.T) {
	machine := testMachine(t)
	guestWrites(t, machine, 1)
	stun(t, machine, wanted, false)
	guestWrites(t, machine, 2)
	must(t, machine.SnapshotTaken("s1", ""))
	first := machine.ChangeIDs()[testDiskKey]
	guestWrites(t, machine, 5, 3)
	if got := changedBlocks(t, machine, "s1", "*"); !slices.Equal(got, []int64{1, 2}) {
		t.Errorf("allocated in the first snapshot: %v", got)
	}
	must(t, machine.SnapshotRemoved("s1"))
	guestWrites(t, machine, 5)
	must(t, machine.SnapshotTaken("s2", ""))
	second := machine.ChangeIDs()[testDiskKey]
	guestWrites(t, machine, 9)
	if got := changedBlocks(t, machine, "s2", first); !slices.Equal(got, []int64{3, 5}) {
		t.Errorf("changed between the snapshots: %v", got)
	}
	if got := changedBlocks(t, machine, "s2", second); len(got) != 0 {
		t.Errorf("changed since the snapshot itself: %v", got)
	}
	if got := changedBlocks(t, machine, "", second); !slices.Equal(got, []int64{9}) {
		t.Errorf("changed until now: %v", got)
	}
	if got := changedBlocks(t, machine, "s2", "*"); !slices.Equal(got, []int64{1, 2, 3, 5}) {
		t.Errorf("allocated in the second snapshot: %v", got)
	}
}

func TestQuestionsThatCannotBeAnswered(t *testing.T) {
	machine := testMachine(t)
	ask := func(key int32, snapshot, changeID string) error {
		_, err := machine.ChangedAreas(key, snapshot, changeID, 0)
		return err
	}
	if err := ask(testDiskKey, "", "*"); !errors.Is(err, errNotTracked) {
		t.Errorf("not tracked: %v", err)
	}
	must(t, machine.SnapshotTaken("before", ""))
	must(t, machine.SnapshotRemoved("before"))
	stun(t, machine, wanted, false)
	current := machine.ChangeIDs()[testDiskKey]
	for _, wrong := range []string{"", "nonsense", "00 11/0", current + "9", strings.Replace(current, "/0", "/-1", 1)} {
		if err := ask(testDiskKey, "", wrong); !errors.Is(err, errWrongEpoch) {
			t.Errorf("changeId %q: %v", wrong, err)
		}
	}
	if err := ask(testDiskKey, "s9", "*"); !errors.Is(err, errNoSnapshot) {
		t.Errorf("unknown snapshot: %v", err)
	}
	if err := ask(1, "", "*"); !errors.Is(err, errNoDisk) {
		t.Errorf("unknown disk: %v", err)
	}
}

func TestTrackingThatStartsWithASnapshotIsTainted(t *testing.T) {
	machine := testMachine(t)
	must(t, machine.SnapshotTaken("old", ""))
	stun(t, machine, wanted, true)
	must(t, machine.SnapshotTaken("new", ""))
	for _, snapshot := range []string{"old", "new"} {
		if _, err := machine.ChangedAreas(testDiskKey, snapshot, "*", 0); !errors.Is(err, errNotTracked) {
			t.Errorf("%s: %v", snapshot, err)
		}
	}
	must(t, machine.SnapshotRemoved("old"))
	must(t, machine.SnapshotRemoved("new"))
	stun(t, machine, unwanted, false)
	stun(t, machine, wanted, false)
	if _, err := machine.ChangedAreas(testDiskKey, "", "*", 0); err != nil {
		t.Errorf("after a reset without snapshots: %v", err)
	}
}

func TestSnapshotFromBeforeTrackingHasNoMark(t *testing.T) {
	machine := testMachine(t)
	must(t, machine.SnapshotTaken("old", ""))
	stun(t, machine, wanted, false)
	if _, err := machine.ChangedAreas(testDiskKey, "old", "*", 0); !errors.Is(err, errNotTracked) {
		t.Errorf("got %v", err)
	}
}

func TestEveryStartOfTrackingIsANewEpoch(t *testing.T) {
	machine := testMachine(t)
	seen := map[string]bool{}
	note := func(what string) {
		epoch, _, _ := strings.Cut(machine.ChangeIDs()[testDiskKey], "/")
		if epoch == "" || seen[epoch] {
			t.Errorf("%s: epoch %q is not a new one", what, epoch)
		}
		seen[epoch] = true
	}
	stun(t, machine, wanted, false)
	note("first start")
	stun(t, machine, unwanted, false)
	stun(t, machine, wanted, false)
	note("disable and enable")
	must(t, os.Remove(ctkFile(machine)))
	stun(t, machine, wanted, false)
	note("deleted file")
	must(t, machine.SnapshotTaken("s", ""))
	must(t, machine.Revert("s"))
	note("revert")
}

func TestSnapshotsDataFileGoesWithIt(t *testing.T) {
	machine := testMachine(t)
	file := filepath.Join(t.TempDir(), "app-01-Snapshot1.vmsn")
	must(t, os.WriteFile(file, nil, 0o600))
	must(t, machine.SnapshotTaken("s", file))
	must(t, machine.SnapshotRemoved("s"))
	if exists(file) {
		t.Error("the file is left")
	}
}

func TestGuestWritesOnlyWhileOnAndRunning(t *testing.T) {
	machine := testMachine(t)
	writes := func() bool {
		wrote := false
		must(t, machine.GuestWrite(func([]int64) (int, int64, []byte) { wrote = true; return 0, 0, []byte("x") }))
		return wrote
	}
	if !writes() {
		t.Error("no write while on and running")
	}
	machine.SetService(false)
	if writes() {
		t.Error("a write while the service is stopped")
	}
	machine.SetService(true)
	machine.SetPower(false)
	if writes() || !machine.ServiceRunning() {
		t.Error("a write while off, or the setting was lost")
	}
	machine.SetPower(true)
	if !writes() {
		t.Error("the service did not come back with the power")
	}
	machine.Close()
	if err := machine.GuestWrite(func([]int64) (int, int64, []byte) { return 0, 0, nil }); !errors.Is(err, errClosed) {
		t.Errorf("a closed VM: %v", err)
	}
}

// trackedConfig is a VM with one disk on scsi0:0 and the given settings.
func trackedConfig(version string, backing types.BaseVirtualDeviceBackingInfo, settings ...string) *types.VirtualMachineConfigInfo {
	config := &types.VirtualMachineConfigInfo{Version: version}
	for index := 0; index < len(settings); index += 2 {
		config.ExtraConfig = append(config.ExtraConfig, &types.OptionValue{Key: settings[index], Value: settings[index+1]})
	}
	config.Hardware.Device = []types.BaseVirtualDevice{
		blueprint{}.newController(diskPlan{Controller: scsiKey}),
		&types.VirtualDisk{VirtualDevice: types.VirtualDevice{
			Key: testDiskKey, ControllerKey: scsiKey, UnitNumber: types.NewInt32(0), Backing: backing,
		}},
	}
	return config
}

func TestWhichDisksAConfigurationAsksFor(t *testing.T) {
	flat := func(mode, sharing string) *types.VirtualDiskFlatVer2BackingInfo {
		return &types.VirtualDiskFlatVer2BackingInfo{DiskMode: mode, Sharing: sharing}
	}
	rdm := func(mode string) *types.VirtualDiskRawDiskMappingVer1BackingInfo {
		return &types.VirtualDiskRawDiskMappingVer1BackingInfo{CompatibilityMode: mode, DiskMode: "persistent"}
	}
	both := []string{"ctkEnabled", "TRUE", "scsi0:0.ctkEnabled", "TRUE"}
	cases := []struct {
		name   string
		config *types.VirtualMachineConfigInfo
		want   bool
	}{
		{"both keys", trackedConfig("vmx-13", flat("persistent", ""), both...), true},
		{"other case", trackedConfig("vmx-13", flat("persistent", ""), "CTKENABLED", "true", "SCSI0:0.ctkenabled", "True"), true},
		{"VM key only", trackedConfig("vmx-13", flat("persistent", ""), "ctkEnabled", "TRUE"), false},
		{"disk key only", trackedConfig("vmx-13", flat("persistent", ""), "scsi0:0.ctkEnabled", "TRUE"), false},
		{"near miss", trackedConfig("vmx-13", flat("persistent", ""), "ctkEnable", "TRUE", "scsi0:0.ctkEnabled", "TRUE"), false},
		{"oldest hardware that can", trackedConfig("vmx-07", flat("persistent", ""), both...), true},
		{"hardware too old", trackedConfig("vmx-06", flat("persistent", ""), both...), false},
		{"independent", trackedConfig("vmx-13", flat("independent_persistent", ""), both...), false},
		{"multi-writer", trackedConfig("vmx-13", flat("persistent", "sharingMultiWriter"), both...), false},
		{"physical RDM", trackedConfig("vmx-13", rdm("physicalMode"), both...), false},
		{"virtual RDM", trackedConfig("vmx-13", rdm("virtualMode"), both...), true},
	}
	for _, test := range cases {
		if got := requestedDisks(test.config)[testDiskKey]; got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestSettingsAreOneAKeyWithoutRegardToCase(t *testing.T) {
	option := func(key, value string) types.BaseOptionValue { return &types.OptionValue{Key: key, Value: value} }
	present := []types.BaseOptionValue{option("ctkEnabled", "FALSE"), option("other", "1")}
	got := normaliseSettings(present, []types.BaseOptionValue{
		option("CtkEnabled", "FALSE"), option("CTKENABLED", "TRUE"), option("missing", ""), option("OTHER", ""), option("New", "a"), option("new", "b"),
	})
	var told []string
	for _, entry := range got {
		told = append(told, entry.GetOptionValue().Key+"="+entry.GetOptionValue().Value.(string))
	}
	if want := []string{"ctkEnabled=TRUE", "other=", "New=b"}; !slices.Equal(told, want) {
		t.Errorf("got %v, want %v", told, want)
	}
}

func TestDiskAddresses(t *testing.T) {
	for index, want := range map[int][]string{0: {"scsi0:0"}, 1: {"scsi0:0", "scsi0:1"}, 2: {"scsi0:0", "sata0:0"}, 5: {"scsi0:0", "scsi1:0"}} {
		config := &types.VirtualMachineConfigInfo{}
		for _, change := range newBlueprint(defaultConfig(), index).spec().DeviceChange {
			config.Hardware.Device = append(config.Hardware.Device, change.GetVirtualDeviceConfigSpec().Device)
		}
		var got []string
		for _, disk := range disksOf(config) {
			got = append(got, diskAddress(config.Hardware.Device, disk))
		}
		if !slices.Equal(got, want) {
			t.Errorf("shape of VM %d: %v, want %v", index+1, got, want)
		}
	}
}

func TestAnswersArePagedAtWholeAreas(t *testing.T) {
	areas := []Extent{{100, 50}, {300, 10}, {500, 5}}
	whole := page(areas, 100, 1000, 3)
	if whole.StartOffset != 100 || whole.Length != 900 || len(whole.ChangedArea) != 3 {
		t.Errorf("whole: %+v", whole)
	}
	cut := page(areas, 100, 1000, 2)
	if next := cut.StartOffset + cut.Length; next != 310 || len(cut.ChangedArea) != 2 {
		t.Errorf("cut: %+v", cut)
	}
}
