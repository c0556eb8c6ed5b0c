// One disk of a VM with its change tracking. The lock of the machine guards it.

package machine

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"cutover.smc/lab/vcenter/internal/disk"
)

// ErrNotTracked reports that the changes of the disk are not tracked, or not for the whole time asked about.
var ErrNotTracked = errors.New("the changes of this disk are not tracked")

type trackedDisk struct {
	*disk.Disk
	ctkPath     string
	tracker     *disk.Tracker  // nil while the disk is not tracked
	generations map[string]int // by snapshot of this epoch: the generation that started with it
}

func newTrackedDisk(attached *disk.Disk) *trackedDisk {
	return &trackedDisk{Disk: attached, ctkPath: ctkPathOf(attached.BasePath()), generations: map[string]int{}}
}

// ctkPathOf returns the path of the change-tracking file, such as disk1-ctk.vmdk for disk1-flat.vmdk.
func ctkPathOf(basePath string) string {
	return strings.TrimSuffix(basePath, "-flat.vmdk") + "-ctk.vmdk"
}

func (d *trackedDisk) write(offset int64, data []byte) error {
	if d.tracker != nil {
		d.tracker.Record(offset, int64(len(data)))
	}
	_, err := d.WriteAt(data, offset)
	return err
}

// enable writes the change-tracking file and starts tracking. It does nothing while the disk is tracked and the file
// exists.
func (d *trackedDisk) enable(newEpoch func() string, snapshotsExist bool) (bool, error) {
	if d.tracker != nil && exists(d.ctkPath) {
		return false, nil
	}
	content := fmt.Appendf(nil, "# Change Tracking File\nblocksize=%d\nblocks=%d\n", disk.BlockSize, disk.Blocks(d.Size()))
	if err := os.WriteFile(d.ctkPath, content, 0o600); err != nil {
		return false, err
	}
	d.setTracker(disk.NewTracker(newEpoch(), d.Size(), snapshotsExist))
	return true, nil
}

// disable stops tracking and deletes the change-tracking file.
func (d *trackedDisk) disable() bool {
	if d.tracker == nil {
		return false
	}
	d.setTracker(nil)
	_ = os.Remove(d.ctkPath)
	return true
}

// restart starts a new epoch of a disk that is tracked.
func (d *trackedDisk) restart(newEpoch func() string) {
	if d.tracker != nil {
		d.setTracker(disk.NewTracker(newEpoch(), d.Size(), false))
	}
}

func (d *trackedDisk) setTracker(tracker *disk.Tracker) {
	d.tracker = tracker
	d.generations = map[string]int{}
}

// snapshotTaken freezes the content and starts a generation with the snapshot.
func (d *trackedDisk) snapshotTaken(snapshot string) error {
	if err := d.Freeze(snapshot); err != nil {
		return err
	}
	if d.tracker != nil {
		d.tracker.Advance()
		d.generations[snapshot] = d.tracker.Generation()
	}
	return nil
}

// snapshotRemoved merges the layers that only the snapshot needed.
func (d *trackedDisk) snapshotRemoved(snapshot string) error {
	delete(d.generations, snapshot)
	return d.Remove(snapshot)
}

// changed returns the blocks written between changeID and the snapshot, or until now if snapshot is empty. For the
// changeID "*" it returns the blocks that are allocated.
func (d *trackedDisk) changed(snapshot, changeID string) (disk.Bitmap, error) {
	if d.tracker == nil || d.tracker.Tainted() {
		return nil, ErrNotTracked
	}
	until := d.tracker.Generation() + 1
	if snapshot != "" {
		generation, tracked := d.generations[snapshot]
		if !tracked {
			return nil, ErrNotTracked
		}
		until = generation
	}
	if changeID == "*" {
		return d.Allocated(snapshot)
	}
	return d.tracker.Since(changeID, until)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
