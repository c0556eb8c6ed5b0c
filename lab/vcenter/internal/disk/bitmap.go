// A set of disk blocks, and its translation to byte ranges.

package main

import "math/bits"

// blockSize is the granularity of change tracking and of the disks' copy-on-write layers.
const blockSize = 64 << 10

// Bitmap is a set of block numbers.
type Bitmap []uint64

func newBitmap(blocks int) Bitmap { return make(Bitmap, (blocks+63)/64) }

// blocksOf is the number of blocks that hold size bytes.
func blocksOf(size int64) int { return int((size + blockSize - 1) / blockSize) }

// Has tells whether the block is in the set.
func (b Bitmap) Has(block int) bool { return b[block/64]&(1<<(block%64)) != 0 }

// Set adds a block.
func (b Bitmap) Set(block int) { b[block/64] |= 1 << (block % 64) }

// SetRange adds every block that the byte range touches.
func (b Bitmap) SetRange(offset, length int64) {
	if length <= 0 {
		return
	}
	for block := int(offset / blockSize); block <= int((offset+length-1)/blockSize); block++ {
		b.Set(block)
	}
}

// Merge adds all blocks of the other set.
func (b Bitmap) Merge(other Bitmap) {
	for index, word := range other {
		b[index] |= word
	}
}

// Count is the number of blocks in the set.
func (b Bitmap) Count() int {
	total := 0
	for _, word := range b {
		total += bits.OnesCount64(word)
	}
	return total
}

// Extent is a byte range of a disk.
type Extent struct{ Start, Length int64 }

// Extents lists the set as byte ranges at or after start, neighbours joined, none beyond size.
func (b Bitmap) Extents(start, size int64) []Extent {
	var extents []Extent
	for block := int(start / blockSize); block < blocksOf(size); block++ {
		if !b.Has(block) {
			continue
		}
		from := max(int64(block)*blockSize, start)
		until := min(int64(block+1)*blockSize, size)
		if last := len(extents) - 1; last >= 0 && extents[last].Start+extents[last].Length == from {
			extents[last].Length = until - extents[last].Start
			continue
		}
		extents = append(extents, Extent{Start: from, Length: until - from})
	}
	return extents
}
