// Change tracking of one disk: which blocks were written between which two moments.

package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// errWrongEpoch says that a changeId belongs to an earlier or another tracking of the disk.
var errWrongEpoch = errors.New("the changeId does not belong to the present tracking of this disk")

// Tracker records writes. It is not safe for concurrent use: its machine's lock guards it.
type Tracker struct {
	epoch   string   // new whenever tracking starts afresh
	tainted bool     // tracking was started while a snapshot existed, so its answers cannot be trusted
	changes []Bitmap // blocks written in each generation; the last one is open
	blocks  int
}

func newTracker(epoch string, size int64, tainted bool) *Tracker {
	blocks := blocksOf(size)
	return &Tracker{epoch: epoch, tainted: tainted, blocks: blocks, changes: []Bitmap{newBitmap(blocks)}}
}

// Record notes a write.
func (t *Tracker) Record(offset, length int64) { t.changes[len(t.changes)-1].SetRange(offset, length) }

// Generation is the number of the open generation.
func (t *Tracker) Generation() int { return len(t.changes) - 1 }

// ChangeID names the beginning of the open generation.
func (t *Tracker) ChangeID() string { return fmt.Sprintf("%s/%d", t.epoch, t.Generation()) }

// Advance closes the open generation, as a snapshot does.
func (t *Tracker) Advance() { t.changes = append(t.changes, newBitmap(t.blocks)) }

// Since is what was written from the moment that changeID names until the generation named by until began.
func (t *Tracker) Since(changeID string, until int) (Bitmap, error) {
	from, err := t.parse(changeID)
	if err != nil {
		return nil, err
	}
	changed := newBitmap(t.blocks)
	for generation := from; generation < until; generation++ {
		changed.Merge(t.changes[generation])
	}
	return changed, nil
}

func (t *Tracker) parse(changeID string) (int, error) {
	epoch, number, found := strings.Cut(changeID, "/")
	if !found || epoch != t.epoch {
		return 0, errWrongEpoch
	}
	generation, err := strconv.Atoi(number)
	if err != nil || generation < 0 || generation > t.Generation() {
		return 0, errWrongEpoch
	}
	return generation, nil
}
