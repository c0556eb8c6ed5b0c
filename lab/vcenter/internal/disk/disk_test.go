// Tests of disks against a simple model: every view holds the writes from before it was frozen.

package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const testDiskSize = 20*BlockSize + 5000 // the last block is a partial one

func testDisk(t *testing.T) *Disk {
	t.Helper()
	return diskOf(t, testDiskSize)
}

func diskOf(t *testing.T, size int64) *Disk {
	t.Helper()
	directory := t.TempDir()
	disk, err := Open(filepath.Join(directory, "disk1-flat.vmdk"), filepath.Join(directory, "overlays"), size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(disk.Close)
	return disk
}

func content(t *testing.T, disk *Disk, snapshot string) []byte {
	t.Helper()
	data, err := io.ReadAll(NewViewReader(disk, snapshot))
	if err != nil {
		t.Fatalf("view %q: %v", snapshot, err)
	}
	return data
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func overlayFiles(t *testing.T, disk *Disk) int {
	t.Helper()
	entries, err := os.ReadDir(disk.overlays)
	must(t, err)
	return len(entries)
}

func TestSnapshotFreezesContent(t *testing.T) {
	disk := testDisk(t)
	if _, err := disk.WriteAt([]byte("before"), BlockSize-3); err != nil {
		t.Fatal(err)
	}
	must(t, disk.Freeze("s1"))
	if _, err := disk.WriteAt([]byte("AFTER!"), BlockSize-3); err != nil {
		t.Fatal(err)
	}
	frozen, current := content(t, disk, "s1"), content(t, disk, "")
	if got := string(frozen[BlockSize-3 : BlockSize+3]); got != "before" {
		t.Errorf("the snapshot holds %q", got)
	}
	if got := string(current[BlockSize-3 : BlockSize+3]); got != "AFTER!" {
		t.Errorf("the guest sees %q", got)
	}
	base, err := os.ReadFile(disk.BasePath())
	must(t, err)
	if !bytes.Equal(base, frozen) {
		t.Error("the base file changed while a snapshot existed")
	}
}

func TestRemoveMergesIntoBase(t *testing.T) {
	disk := testDisk(t)
	must(t, disk.Freeze("s1"))
	if _, err := disk.WriteAt([]byte("later"), 3*BlockSize); err != nil {
		t.Fatal(err)
	}
	must(t, disk.Remove("s1"))
	base, err := os.ReadFile(disk.BasePath())
	must(t, err)
	if !bytes.Equal(base, content(t, disk, "")) || string(base[3*BlockSize:3*BlockSize+5]) != "later" {
		t.Error("the base file does not hold the current content")
	}
	if count := overlayFiles(t, disk); count != 0 {
		t.Errorf("%d overlay files remain", count)
	}
	if _, err := disk.ReadAt("s1", make([]byte, 1), 0); !errors.Is(err, ErrNoView) {
		t.Errorf("a removed snapshot can still be read: %v", err)
	}
}

func TestAllocatedReturnsBlocksOfView(t *testing.T) {
	disk := testDisk(t)
	_, err := disk.WriteAt(make([]byte, 10), 2*BlockSize-5)
	must(t, err)
	must(t, disk.Freeze("s1"))
	_, err = disk.WriteAt(make([]byte, 10), 7*BlockSize)
	must(t, err)
	frozen, err := disk.Allocated("s1")
	must(t, err)
	current, err := disk.Allocated("")
	must(t, err)
	if want := []Extent{{BlockSize, 2 * BlockSize}}; !slices.Equal(frozen.Extents(0, testDiskSize), want) {
		t.Errorf("frozen: %v", frozen.Extents(0, testDiskSize))
	}
	if want := []Extent{{BlockSize, 2 * BlockSize}, {7 * BlockSize, BlockSize}}; !slices.Equal(current.Extents(0, testDiskSize), want) {
		t.Errorf("current: %v", current.Extents(0, testDiskSize))
	}
}

func TestWriteOutsideDiskFails(t *testing.T) {
	disk := testDisk(t)
	for _, offset := range []int64{-1, testDiskSize - 3} {
		if _, err := disk.WriteAt([]byte("four"), offset); err == nil {
			t.Errorf("a write at %d was accepted", offset)
		}
	}
}

// diskModel is the reference for the behaviour of a Disk: full copies.
type diskModel struct {
	current []byte
	frozen  map[string][]byte
}

func TestDiskBehavesLikeFullCopies(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { compareWithModel(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func compareWithModel(t *testing.T, random *rand.Rand) {
	const size = 4*BlockSize + 5000
	disk := diskOf(t, size)
	model := diskModel{current: make([]byte, size), frozen: map[string][]byte{}}
	for step := range 80 {
		names := slices.Sorted(maps.Keys(model.frozen))
		switch choice := random.IntN(10); {
		case choice < 6:
			data := bytes.Repeat([]byte{byte(step + 1)}, 1+random.IntN(2*BlockSize))
			offset := random.Int64N(int64(size - len(data)))
			_, err := disk.WriteAt(data, offset)
			must(t, err)
			copy(model.current[offset:], data)
		case choice < 8 && len(names) < 6:
			name := fmt.Sprintf("s%d", step)
			must(t, disk.Freeze(name))
			model.frozen[name] = slices.Clone(model.current)
		case choice == 8 && len(names) > 0:
			name := names[random.IntN(len(names))]
			must(t, disk.Remove(name))
			delete(model.frozen, name)
		case choice == 9 && len(names) > 0:
			name := names[random.IntN(len(names))]
			must(t, disk.Revert(name))
			model.current = slices.Clone(model.frozen[name])
		}
		if !bytes.Equal(content(t, disk, ""), model.current) {
			t.Fatalf("step %d: the current content is wrong", step)
		}
		for name, want := range model.frozen {
			if !bytes.Equal(content(t, disk, name), want) {
				t.Fatalf("step %d: the content of snapshot %s is wrong", step, name)
			}
		}
	}
	for name := range model.frozen {
		must(t, disk.Remove(name))
	}
	base, err := os.ReadFile(disk.BasePath())
	must(t, err)
	if !bytes.Equal(base, model.current) || overlayFiles(t, disk) != 0 {
		t.Error("after the removal of the last snapshot, the base file does not hold the full content")
	}
}

func TestViewReaderSeeksAndReads(t *testing.T) {
	disk := testDisk(t)
	_, err := disk.WriteAt([]byte("0123456789"), testDiskSize-10)
	must(t, err)
	reader := NewViewReader(disk, "")
	position, err := reader.Seek(-4, io.SeekEnd)
	must(t, err)
	rest, err := io.ReadAll(reader)
	must(t, err)
	if position != testDiskSize-4 || string(rest) != "6789" {
		t.Errorf("offset %d holds %q", position, rest)
	}
	if _, err := reader.Seek(-1, io.SeekStart); err == nil {
		t.Error("a seek before the start of the disk was accepted")
	}
}

func TestExtentsJoinClipAndStartAtOffset(t *testing.T) {
	set := NewBitmap(Blocks(testDiskSize))
	for _, block := range []int{0, 1, 4, 20} {
		set.Set(block)
	}
	if got, want := set.Extents(0, testDiskSize), []Extent{{0, 2 * BlockSize}, {4 * BlockSize, BlockSize}, {20 * BlockSize, 5000}}; !slices.Equal(got, want) {
		t.Errorf("all: %v", got)
	}
	if got, want := set.Extents(BlockSize+100, testDiskSize), []Extent{{BlockSize + 100, BlockSize - 100}, {4 * BlockSize, BlockSize}, {20 * BlockSize, 5000}}; !slices.Equal(got, want) {
		t.Errorf("from the middle of a block: %v", got)
	}
	if set.Count() != 4 {
		t.Errorf("count: %d", set.Count())
	}
}
