// The state machine of a VM's change tracking: requests take effect at a stun, snapshots start generations.

package machine

import (
	"errors"
	"os"

	"cutover.smc/lab/vcenter/internal/disk"
)

// ErrNoSnapshot reports that the VM does not have the snapshot.
var ErrNoSnapshot = errors.New("the VM does not have this snapshot")

// Stun makes the tracking match the configuration: the disks in wanted are tracked from now on, other disks are not. It
// reports whether anything changed. Tracking that starts while a snapshot exists is tainted. Tracking whose file was
// deleted starts again with a new epoch.
func (d *Disks) Stun(wanted map[int32]bool, snapshotsExist bool) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	changed := false
	for _, key := range d.keys() {
		if !wanted[key] {
			changed = d.byKey[key].disable() || changed
			continue
		}
		enabled, err := d.byKey[key].enable(d.newEpoch, snapshotsExist)
		if err != nil {
			return changed, err
		}
		changed = enabled || changed
	}
	return changed, nil
}

// SnapshotTaken freezes all disks at the same time and starts a generation in their tracking. The snapshot's data file,
// if it has one, is deleted together with the snapshot.
func (d *Disks) SnapshotTaken(snapshot, dataFile string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.snapshots[snapshot] = dataFile
	return d.each(func(frozen *trackedDisk) error { return frozen.snapshotTaken(snapshot) })
}

// SnapshotRemoved merges the disk layers that only the snapshot needed, and deletes its data file.
func (d *Disks) SnapshotRemoved(snapshot string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if file := d.snapshots[snapshot]; file != "" {
		_ = os.Remove(file)
	}
	delete(d.snapshots, snapshot)
	return d.each(func(merged *trackedDisk) error { return merged.snapshotRemoved(snapshot) })
}

// Revert returns the disks to the snapshot's content. Tracking starts a new epoch, because the changes made by the
// revert itself are not recorded.
func (d *Disks) Revert(snapshot string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.each(func(reverted *trackedDisk) error {
		if err := reverted.Disk.Revert(snapshot); err != nil {
			return err
		}
		reverted.restart(d.newEpoch)
		return nil
	})
}

// ResetTracking starts a new epoch of every tracked disk.
func (d *Disks) ResetTracking() {
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = d.each(func(tracked *trackedDisk) error {
		tracked.restart(d.newEpoch)
		return nil
	})
}

// Snapshots returns the set of the snapshots that froze the disks.
func (d *Disks) Snapshots() map[string]bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	known := make(map[string]bool, len(d.snapshots))
	for snapshot := range d.snapshots {
		known[snapshot] = true
	}
	return known
}

// ChangeIDs returns the current changeId of every tracked disk by its device key.
func (d *Disks) ChangeIDs() map[int32]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	ids := map[int32]string{}
	for key, tracked := range d.byKey {
		if tracked.tracker != nil {
			ids[key] = tracked.tracker.ChangeID()
		}
	}
	return ids
}

// ChangedAreas answers QueryChangedDiskAreas: the areas at or after start that were written between changeID and the
// snapshot, or until now if snapshot is empty. For the changeID "*" it returns the areas that are allocated.
func (d *Disks) ChangedAreas(key int32, snapshot, changeID string, start int64) ([]disk.Extent, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	queried := d.byKey[key]
	if queried == nil {
		return nil, ErrNoDisk
	}
	if _, known := d.snapshots[snapshot]; snapshot != "" && !known {
		return nil, ErrNoSnapshot
	}
	changed, err := queried.changed(snapshot, changeID)
	if err != nil {
		return nil, err
	}
	return changed.Extents(start, queried.Size()), nil
}
