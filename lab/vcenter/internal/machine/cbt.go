// The change-tracking state machine of a VM: requests take effect at a stun, snapshots mark moments.

package main

import (
	"fmt"
	"os"
)

// Stun brings tracking in line with what the configuration asks: disks in wanted are tracked from now on, others
// no longer. It tells whether anything changed. A tracking that starts while a snapshot exists is tainted, and one
// whose file was deleted starts afresh.
func (m *Machine) Stun(wanted map[int32]bool, snapshotsExist bool) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	changed := false
	for _, key := range m.keys() {
		disk := m.disks[key]
		switch {
		case wanted[key] && (disk.tracker == nil || !exists(disk.ctkPath)):
			if err := os.WriteFile(disk.ctkPath, ctkContent(disk.Disk), 0o600); err != nil {
				return changed, err
			}
			disk.start(newTracker(m.newEpoch(), disk.Size(), snapshotsExist))
			changed = true
		case !wanted[key] && disk.tracker != nil:
			disk.stop()
			changed = true
		}
	}
	return changed, nil
}

func (d *trackedDisk) start(tracker *Tracker) {
	d.tracker = tracker
	d.marks = map[string]int{}
}

func (d *trackedDisk) stop() {
	d.start(nil)
	_ = os.Remove(d.ctkPath)
}

func ctkContent(disk *Disk) []byte {
	return fmt.Appendf(nil, "# Change Tracking File\nblocksize=%d\nblocks=%d\n", blockSize, blocksOf(disk.Size()))
}

// SnapshotTaken freezes all disks at one moment and marks it in their tracking. The snapshot's data file, if it has
// one, goes when the snapshot does.
func (m *Machine) SnapshotTaken(snapshot, dataFile string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.snapshots[snapshot] = dataFile
	for _, key := range m.keys() {
		disk := m.disks[key]
		if err := disk.Freeze(snapshot); err != nil {
			return err
		}
		if disk.tracker != nil {
			disk.tracker.Advance()
			disk.marks[snapshot] = disk.tracker.Generation()
		}
	}
	return nil
}

// SnapshotRemoved merges what the snapshot kept apart.
func (m *Machine) SnapshotRemoved(snapshot string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if file := m.snapshots[snapshot]; file != "" {
		_ = os.Remove(file)
	}
	delete(m.snapshots, snapshot)
	for _, key := range m.keys() {
		disk := m.disks[key]
		delete(disk.marks, snapshot)
		if err := disk.Remove(snapshot); err != nil {
			return err
		}
	}
	return nil
}

// Revert puts the disks back to the snapshot's content. Tracking starts afresh: nobody recorded what the way back
// changed.
func (m *Machine) Revert(snapshot string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range m.keys() {
		disk := m.disks[key]
		if err := disk.Disk.Revert(snapshot); err != nil {
			return err
		}
		if disk.tracker != nil {
			disk.start(newTracker(m.newEpoch(), disk.Size(), false))
		}
	}
	return nil
}

// ResetTracking begins the tracking of every tracked disk anew.
func (m *Machine) ResetTracking() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range m.keys() {
		if disk := m.disks[key]; disk.tracker != nil {
			disk.start(newTracker(m.newEpoch(), disk.Size(), false))
		}
	}
}

// Snapshots is the set of snapshots that froze the disks.
func (m *Machine) Snapshots() map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := make(map[string]bool, len(m.snapshots))
	for snapshot := range m.snapshots {
		known[snapshot] = true
	}
	return known
}

// ChangeIDs names the present moment of every tracked disk.
func (m *Machine) ChangeIDs() map[int32]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids := map[int32]string{}
	for key, disk := range m.disks {
		if disk.tracker != nil {
			ids[key] = disk.tracker.ChangeID()
		}
	}
	return ids
}

// ChangedAreas answers QueryChangedDiskAreas: what was written between changeID and the snapshot, or until now
// when snapshot is empty; with changeID "*" the areas that are allocated.
func (m *Machine) ChangedAreas(key int32, snapshot, changeID string, start int64) ([]Extent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	disk := m.disks[key]
	if disk == nil {
		return nil, errNoDisk
	}
	if _, known := m.snapshots[snapshot]; snapshot != "" && !known {
		return nil, errNoSnapshot
	}
	if disk.tracker == nil || disk.tracker.tainted {
		return nil, errNotTracked
	}
	until := disk.tracker.Generation() + 1
	if snapshot != "" {
		mark, marked := disk.marks[snapshot]
		if !marked {
			return nil, errNotTracked
		}
		until = mark
	}
	changed, err := disk.changed(snapshot, changeID, until)
	if err != nil {
		return nil, err
	}
	return changed.Extents(start, disk.Size()), nil
}

func (d *trackedDisk) changed(snapshot, changeID string, until int) (Bitmap, error) {
	if changeID == "*" {
		return d.Allocated(snapshot)
	}
	return d.tracker.Since(changeID, until)
}
