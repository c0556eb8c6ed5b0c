// A set of disk blocks, and its conversion to byte ranges.

package disk

import "math/bits"

// BlockSize is the granularity, in bytes, of change tracking and of the disks' copy-on-write layers.
const BlockSize = 64 << 10

// Bitmap is a set of block numbers.
type Bitmap []uint64

// NewBitmap returns an empty set for a disk of that many blocks.
func NewBitmap(blocks int) Bitmap { return make(Bitmap, (blocks+63)/64) }

// Blocks returns the number of blocks that hold size bytes.
func Blocks(size int64) int { return int((size + BlockSize - 1) / BlockSize) }

// Has reports whether the block is in the set.
func (b Bitmap) Has(block int) bool { return b[block/64]&(1<<(block%64)) != 0 }

// Set adds a block.
func (b Bitmap) Set(block int) { b[block/64] |= 1 << (block % 64) }

// SetRange adds every block that the byte range touches.
func (b Bitmap) SetRange(offset, length int64) {
	if length <= 0 {
		return
	}
	for block := int(offset / BlockSize); block <= int((offset+length-1)/BlockSize); block++ {
		b.Set(block)
	}
}

// Merge adds all blocks of the other set.
func (b Bitmap) Merge(other Bitmap) {
	for index, word := range other {
		b[index] |= word
	}
}

// Count returns the number of blocks in the set.
func (b Bitmap) Count() int {
	total := 0
	for _, word := range b {
		total += bits.OnesCount64(word)
	}
	return total
}

// Extent is a byte range of a disk.
type Extent struct{ Start, Length int64 }

// Extents returns the set as byte ranges from start up to size. Adjacent blocks are joined into one range.
func (b Bitmap) Extents(start, size int64) []Extent {
	var extents []Extent
	for block := int(start / BlockSize); block < Blocks(size); block++ {
		if !b.Has(block) {
			continue
		}
		from := max(int64(block)*BlockSize, start)
		until := min(int64(block+1)*BlockSize, size)
		if last := len(extents) - 1; last >= 0 && extents[last].Start+extents[last].Length == from {
			extents[last].Length = until - extents[last].Start
			continue
		}
		extents = append(extents, Extent{Start: from, Length: until - from})
	}
	return extents
}
