// Tests of the change-tracking state machine, without the simulator.

package machine

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cutover.smc/lab/vcenter/internal/disk"
)

const (
	testDiskKey  = 2000
	testDiskSize = 20*disk.BlockSize + 5000 // the last block is a partial one
)

var (
	wanted   = map[int32]bool{testDiskKey: true}
	unwanted = map[int32]bool{}
)

func testMachine(t *testing.T) *Machine {
	t.Helper()
	directory := t.TempDir()
	opened, err := disk.Open(filepath.Join(directory, "disk1-flat.vmdk"), filepath.Join(directory, "overlays"), testDiskSize)
	must(t, err)
	machine := New("app-01", "1/app-01")
	machine.Disks.Attach(testDiskKey, opened)
	machine.SetPower(true)
	t.Cleanup(machine.Close)
	return machine
}

func guestWrites(t *testing.T, machine *Machine, blocks ...int64) {
	t.Helper()
	for _, block := range blocks {
		must(t, machine.GuestWrite(func([]int64) (int, int64, []byte) { return 0, block * disk.BlockSize, []byte("data") }))
	}
}

func stun(t *testing.T, machine *Machine, wanted map[int32]bool, snapshotsExist bool) bool {
	t.Helper()
	changed, err := machine.Disks.Stun(wanted, snapshotsExist)
	must(t, err)
	return changed
}

func ctkFile(machine *Machine) string { return machine.Disks.byKey[testDiskKey].ctkPath }

func blocksIn(extents []disk.Extent) []int64 {
	var blocks []int64
	for _, extent := range extents {
		for offset := extent.Start; offset < extent.Start+extent.Length; offset += disk.BlockSize {
			blocks = append(blocks, offset/disk.BlockSize)
		}
	}
	return blocks
}

func changedBlocks(t *testing.T, machine *Machine, snapshot, changeID string) []int64 {
	t.Helper()
	areas, err := machine.Disks.ChangedAreas(testDiskKey, snapshot, changeID, 0)
	must(t, err)
	return blocksIn(areas)
}

func TestTrackingChangesOnlyAtStun(t *testing.T) {
	machine := testMachine(t)
	if exists(ctkFile(machine)) || len(machine.Disks.ChangeIDs()) != 0 {
		t.Fatal("a new VM is tracked")
	}
	if !stun(t, machine, wanted, false) || !exists(ctkFile(machine)) || len(machine.Disks.ChangeIDs()) != 1 {
		t.Fatal("the request did not take effect")
	}
	if stun(t, machine, wanted, false) {
		t.Error("a second stun changed something")
	}
	if !stun(t, machine, unwanted, false) || exists(ctkFile(machine)) || len(machine.Disks.ChangeIDs()) != 0 {
		t.Error("tracking did not end")
	}
}

func TestChangedAreasBetweenSnapshots(t *testing.T) {
	machine := testMachine(t)
	guestWrites(t, machine, 1)
	stun(t, machine, wanted, false)
	guestWrites(t, machine, 2)
	must(t, machine.Disks.SnapshotTaken("s1", ""))
	first := machine.Disks.ChangeIDs()[testDiskKey]
	guestWrites(t, machine, 5, 3)
	if got := changedBlocks(t, machine, "s1", "*"); !slices.Equal(got, []int64{1, 2}) {
		t.Errorf("allocated in the first snapshot: %v", got)
	}
	must(t, machine.Disks.SnapshotRemoved("s1"))
	guestWrites(t, machine, 5)
	must(t, machine.Disks.SnapshotTaken("s2", ""))
	second := machine.Disks.ChangeIDs()[testDiskKey]
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

func TestInvalidChangedAreasQueries(t *testing.T) {
	machine := testMachine(t)
	query := func(key int32, snapshot, changeID string) error {
		_, err := machine.Disks.ChangedAreas(key, snapshot, changeID, 0)
		return err
	}
	if err := query(testDiskKey, "", "*"); !errors.Is(err, ErrNotTracked) {
		t.Errorf("not tracked: %v", err)
	}
	must(t, machine.Disks.SnapshotTaken("before", ""))
	must(t, machine.Disks.SnapshotRemoved("before"))
	stun(t, machine, wanted, false)
	current := machine.Disks.ChangeIDs()[testDiskKey]
	for _, wrong := range []string{"", "nonsense", "00 11/0", current + "9", strings.Replace(current, "/0", "/-1", 1)} {
		if err := query(testDiskKey, "", wrong); !errors.Is(err, disk.ErrInvalidChangeID) {
			t.Errorf("changeId %q: %v", wrong, err)
		}
	}
	if err := query(testDiskKey, "s9", "*"); !errors.Is(err, ErrNoSnapshot) {
		t.Errorf("unknown snapshot: %v", err)
	}
	if err := query(1, "", "*"); !errors.Is(err, ErrNoDisk) {
		t.Errorf("unknown disk: %v", err)
	}
}

func TestTrackingThatStartsDuringSnapshotIsTainted(t *testing.T) {
	machine := testMachine(t)
	must(t, machine.Disks.SnapshotTaken("old", ""))
	stun(t, machine, wanted, true)
	must(t, machine.Disks.SnapshotTaken("new", ""))
	for _, snapshot := range []string{"old", "new"} {
		if _, err := machine.Disks.ChangedAreas(testDiskKey, snapshot, "*", 0); !errors.Is(err, ErrNotTracked) {
			t.Errorf("%s: %v", snapshot, err)
		}
	}
	must(t, machine.Disks.SnapshotRemoved("old"))
	must(t, machine.Disks.SnapshotRemoved("new"))
	stun(t, machine, unwanted, false)
	stun(t, machine, wanted, false)
	if _, err := machine.Disks.ChangedAreas(testDiskKey, "", "*", 0); err != nil {
		t.Errorf("after a reset without snapshots: %v", err)
	}
}

func TestSnapshotFromBeforeTrackingHasNoGeneration(t *testing.T) {
	machine := testMachine(t)
	must(t, machine.Disks.SnapshotTaken("old", ""))
	stun(t, machine, wanted, false)
	if _, err := machine.Disks.ChangedAreas(testDiskKey, "old", "*", 0); !errors.Is(err, ErrNotTracked) {
		t.Errorf("got %v", err)
	}
}

func TestEveryStartOfTrackingIsNewEpoch(t *testing.T) {
	machine := testMachine(t)
	seen := map[string]bool{}
	checkEpoch := func(what string) {
		epoch, _, _ := strings.Cut(machine.Disks.ChangeIDs()[testDiskKey], "/")
		if epoch == "" || seen[epoch] {
			t.Errorf("%s: epoch %q is not new", what, epoch)
		}
		seen[epoch] = true
	}
	stun(t, machine, wanted, false)
	checkEpoch("first start")
	stun(t, machine, unwanted, false)
	stun(t, machine, wanted, false)
	checkEpoch("disable and enable")
	must(t, os.Remove(ctkFile(machine)))
	stun(t, machine, wanted, false)
	checkEpoch("deleted file")
	must(t, machine.Disks.SnapshotTaken("s", ""))
	must(t, machine.Disks.Revert("s"))
	checkEpoch("revert")
}

func TestSnapshotRemovalDeletesDataFile(t *testing.T) {
	machine := testMachine(t)
	file := filepath.Join(t.TempDir(), "app-01-Snapshot1.vmsn")
	must(t, os.WriteFile(file, nil, 0o600))
	must(t, machine.Disks.SnapshotTaken("s", file))
	must(t, machine.Disks.SnapshotRemoved("s"))
	if exists(file) {
		t.Error("the data file still exists")
	}
}

func TestGuestWritesOnlyWhileServiceRuns(t *testing.T) {
	machine := testMachine(t)
	writes := func() bool {
		wrote := false
		must(t, machine.GuestWrite(func([]int64) (int, int64, []byte) { wrote = true; return 0, 0, []byte("x") }))
		return wrote
	}
	if !writes() {
		t.Error("no write while the VM is on and the service runs")
	}
	machine.SetService(false)
	if writes() {
		t.Error("a write while the service is stopped")
	}
	machine.SetService(true)
	machine.SetPower(false)
	if writes() || !machine.ServiceRunning() {
		t.Error("a write while powered off, or the setting was lost")
	}
	machine.SetPower(true)
	if !writes() {
		t.Error("no write after the VM was powered on again")
	}
	machine.Close()
	if err := machine.GuestWrite(func([]int64) (int, int64, []byte) { return 0, 0, nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed VM: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
