// A test of the pages of QueryChangedDiskAreas.

package sim

import (
	"testing"

	"cutover.smc/lab/vcenter/internal/disk"
)

func TestPageEndsWithAnArea(t *testing.T) {
	areas := []disk.Extent{{Start: 100, Length: 50}, {Start: 300, Length: 10}, {Start: 500, Length: 5}}
	full := page(areas, 100, 1000, 3)
	if full.StartOffset != 100 || full.Length != 900 || len(full.ChangedArea) != 3 {
		t.Errorf("full answer: %+v", full)
	}
	limited := page(areas, 100, 1000, 2)
	if next := limited.StartOffset + limited.Length; next != 310 || len(limited.ChangedArea) != 2 {
		t.Errorf("limited answer: %+v", limited)
	}
}
