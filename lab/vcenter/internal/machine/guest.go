// The guest: for each VM one goroutine that writes random blocks while the VM is powered on and its service runs.

package machine

import (
	"context"
	"errors"
	"hash/fnv"
	"log"
	"math/rand/v2"
	"sync"
	"time"

	"cutover.smc/lab/vcenter/internal/disk"
)

const (
	guestSector     = 4 << 10
	guestMaxSectors = 16
	contentArea     = 1 << 20
)

// NewRandom returns a source of randomness that depends only on the seed and the name.
func NewRandom(seed uint64, name string) *rand.ChaCha8 {
	digest := fnv.New64a()
	_, _ = digest.Write([]byte(name))
	var key [32]byte
	for index := range 8 {
		key[index] = byte(seed >> (8 * index))
		key[8+index] = byte(digest.Sum64() >> (8 * index))
	}
	return rand.NewChaCha8(key)
}

// Fill writes the initial content of a disk: its first area and some areas elsewhere, bytes in total.
func Fill(filled *disk.Disk, source *rand.ChaCha8, bytes int64) error {
	random := rand.New(source)
	area := make([]byte, contentArea)
	for offset := int64(0); bytes > 0; bytes -= int64(len(area)) {
		_, _ = source.Read(area)
		if _, err := filled.WriteAt(area, offset); err != nil {
			return err
		}
		offset = random.Int64N((filled.Size()-int64(len(area)))/disk.BlockSize) * disk.BlockSize
	}
	return nil
}

// Guest writes to the disks of one VM.
type Guest struct {
	machine *Machine
	source  *rand.ChaCha8
	random  *rand.Rand
}

// NewGuest returns a guest whose writes come from the source.
func NewGuest(machine *Machine, source *rand.ChaCha8) *Guest {
	return &Guest{machine: machine, source: source, random: rand.New(source)}
}

// Run writes at every interval until the context ends or the VM is deleted. The first write of each VM comes after a
// random part of the interval, so that the VMs do not write at the same time.
func (g *Guest) Run(ctx context.Context, interval time.Duration) {
	first := time.NewTimer(time.Duration(g.random.Int64N(int64(interval)) + 1))
	defer first.Stop()
	select {
	case <-ctx.Done():
		return
	case <-first.C:
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		err := g.machine.GuestWrite(g.chooseWrite)
		if errors.Is(err, ErrClosed) {
			return
		}
		if err != nil {
			log.Printf("guest of %s: %v", g.machine.Name(), err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// chooseWrite selects the next write: 4 to 64 KiB anywhere on any disk.
func (g *Guest) chooseWrite(sizes []int64) (int, int64, []byte) {
	index := g.random.IntN(len(sizes))
	data := make([]byte, (1+g.random.IntN(guestMaxSectors))*guestSector)
	_, _ = g.source.Read(data)
	lastSector := (sizes[index] - int64(len(data))) / guestSector
	return index, g.random.Int64N(lastSector+1) * guestSector, data
}

// Guests runs the guests of all VMs.
type Guests struct {
	context  context.Context
	stop     context.CancelFunc
	interval time.Duration
	running  sync.WaitGroup
}

// NewGuests returns a runner without guests; each guest that it starts writes once per interval.
func NewGuests(interval time.Duration) *Guests {
	ctx, stop := context.WithCancel(context.Background())
	return &Guests{context: ctx, stop: stop, interval: interval}
}

// Start runs a guest until Stop.
func (g *Guests) Start(guest *Guest) {
	g.running.Go(func() { guest.Run(g.context, g.interval) })
}

// Stop stops all guests and waits until they have stopped.
func (g *Guests) Stop() {
	g.stop()
	g.running.Wait()
}
