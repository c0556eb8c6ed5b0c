// Change tracking of one disk: which blocks were written between two snapshots.

package disk

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrInvalidChangeID reports a changeId of an earlier epoch, or of another disk.
var ErrInvalidChangeID = errors.New("the changeId does not belong to the current tracking of this disk")

// Tracker records writes. It is not safe for concurrent use; the lock of its machine guards it.
type Tracker struct {
	epoch   string   // a new one whenever tracking starts
	tainted bool     // tracking started while a snapshot existed, so its answers cannot be trusted
	changes []Bitmap // blocks written in each generation; the last generation is open
	blocks  int
}

// NewTracker starts the tracking of a disk of size bytes.
func NewTracker(epoch string, size int64, tainted bool) *Tracker {
	blocks := Blocks(size)
	return &Tracker{epoch: epoch, tainted: tainted, blocks: blocks, changes: []Bitmap{NewBitmap(blocks)}}
}

// Tainted reports whether tracking started while a snapshot existed, so that its answers cannot be trusted.
func (t *Tracker) Tainted() bool { return t.tainted }

// Record adds a write to the open generation.
func (t *Tracker) Record(offset, length int64) { t.changes[len(t.changes)-1].SetRange(offset, length) }

// Generation returns the number of the open generation.
func (t *Tracker) Generation() int { return len(t.changes) - 1 }

// ChangeID identifies the start of the open generation.
func (t *Tracker) ChangeID() string { return fmt.Sprintf("%s/%d", t.epoch, t.Generation()) }

// Advance closes the open generation and opens the next one, as a snapshot does.
func (t *Tracker) Advance() { t.changes = append(t.changes, NewBitmap(t.blocks)) }

// Since returns the blocks written from the start of the generation that changeID identifies to the start of the
// generation until.
func (t *Tracker) Since(changeID string, until int) (Bitmap, error) {
	from, err := t.parse(changeID)
	if err != nil {
		return nil, err
	}
	changed := NewBitmap(t.blocks)
	for generation := from; generation < until; generation++ {
		changed.Merge(t.changes[generation])
	}
	return changed, nil
}

func (t *Tracker) parse(changeID string) (int, error) {
	epoch, number, found := strings.Cut(changeID, "/")
	if !found || epoch != t.epoch {
		return 0, ErrInvalidChangeID
	}
	generation, err := strconv.Atoi(number)
	if err != nil || generation < 0 || generation > t.Generation() {
		return 0, ErrInvalidChangeID
	}
	return generation, nil
}
