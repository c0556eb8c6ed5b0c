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
func (m *Machine) Stun(wanted map[int32]bool, snapshotsExist bool) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	changed := false
	for _, key := range m.keys() {
		if !wanted[key] {
			changed = m.disks[key].disable() || changed
			continue
		}
		enabled, err := m.disks[key].enable(m.newEpoch, snapshotsExist)
		if err != nil {
			return changed, err
		}
		changed = enabled || changed
	}
	return changed, nil
}

// SnapshotTaken freezes all disks at the same time and starts a generation in their tracking. The snapshot's data file,
// if it has one, is deleted together with the snapshot.
func (m *Machine) SnapshotTaken(snapshot, dataFile string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.snapshots[snapshot] = dataFile
	return m.each(func(frozen *trackedDisk) error { return frozen.snapshotTaken(snapshot) })
}

// SnapshotRemoved merges the disk layers that only the snapshot needed, and deletes its data file.
func (m *Machine) SnapshotRemoved(snapshot string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if file := m.snapshots[snapshot]; file != "" {
		_ = os.Remove(file)
	}
	delete(m.snapshots, snapshot)
	return m.each(func(merged *trackedDisk) error { return merged.snapshotRemoved(snapshot) })
}

// Revert returns the disks to the snapshot's content. Tracking starts a new epoch, because the changes made by the
// revert itself are not recorded.
func (m *Machine) Revert(snapshot string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.each(func(reverted *trackedDisk) error {
		if err := reverted.Disk.Revert(snapshot); err != nil {
			return err
		}
		reverted.restart(m.newEpoch)
		return nil
	})
}

// ResetTracking starts a new epoch of every tracked disk.
func (m *Machine) ResetTracking() {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.each(func(tracked *trackedDisk) error {
		tracked.restart(m.newEpoch)
		return nil
	})
}

// Snapshots returns the set of the snapshots that froze the disks.
func (m *Machine) Snapshots() map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := make(map[string]bool, len(m.snapshots))
	for snapshot := range m.snapshots {
		known[snapshot] = true
	}
	return known
}

// ChangeIDs returns the current changeId of every tracked disk by its device key.
func (m *Machine) ChangeIDs() map[int32]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids := map[int32]string{}
	for key, tracked := range m.disks {
		if tracked.tracker != nil {
			ids[key] = tracked.tracker.ChangeID()
		}
	}
	return ids
}

// ChangedAreas answers QueryChangedDiskAreas: the areas at or after start that were written between changeID and the
// snapshot, or until now if snapshot is empty. For the changeID "*" it returns the areas that are allocated.
func (m *Machine) ChangedAreas(key int32, snapshot, changeID string, start int64) ([]disk.Extent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	queried := m.disks[key]
	if queried == nil {
		return nil, ErrNoDisk
	}
	if _, known := m.snapshots[snapshot]; snapshot != "" && !known {
		return nil, ErrNoSnapshot
	}
	changed, err := queried.changed(snapshot, changeID)
	if err != nil {
		return nil, err
	}
	return changed.Extents(start, queried.Size()), nil
}
