// The guest: one goroutine a VM that writes random blocks while the VM runs and its service does.

package main

import (
	"context"
	"errors"
	"hash/fnv"
	"log"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	guestSector     = 4 << 10
	guestMaxSectors = 16
	bootSectorSize  = 1 << 20
)

// randomFor is a source of randomness that depends on nothing but the seed and the name.
func randomFor(seed uint64, name string) *rand.ChaCha8 {
	digest := fnv.New64a()
	_, _ = digest.Write([]byte(name))
	var key [32]byte
	for index := range 8 {
		key[index] = byte(seed >> (8 * index))
		key[8+index] = byte(digest.Sum64() >> (8 * index))
	}
	return rand.NewChaCha8(key)
}

// fillDisk writes the content that a disk starts with: its beginning and some areas elsewhere.
func fillDisk(disk *Disk, source *rand.ChaCha8, bytes int64) error {
	random := rand.New(source)
	area := make([]byte, bootSectorSize)
	for offset := int64(0); bytes > 0; bytes -= int64(len(area)) {
		_, _ = source.Read(area)
		if _, err := disk.WriteAt(area, offset); err != nil {
			return err
		}
		offset = random.Int64N((disk.Size()-int64(len(area)))/blockSize) * blockSize
	}
	return nil
}

// Guest writes for one VM.
type Guest struct {
	machine *Machine
	source  *rand.ChaCha8
	random  *rand.Rand
}

func newGuest(machine *Machine, source *rand.ChaCha8) *Guest {
	return &Guest{machine: machine, source: source, random: rand.New(source)}
}

// Run writes at every interval until the context ends or the VM is gone. VMs begin at different times within the interval.
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
		err := g.machine.GuestWrite(g.plan)
		if errors.Is(err, errClosed) {
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

// plan chooses the next write: 4 to 64 KiB anywhere on any disk.
func (g *Guest) plan(sizes []int64) (int, int64, []byte) {
	disk := g.random.IntN(len(sizes))
	data := make([]byte, (1+g.random.IntN(guestMaxSectors))*guestSector)
	_, _ = g.source.Read(data)
	places := (sizes[disk] - int64(len(data))) / guestSector
	return disk, g.random.Int64N(places+1) * guestSector, data
}

// Guests are the running goroutines of all VMs.
type Guests struct {
	context  context.Context
	stop     context.CancelFunc
	interval time.Duration
	running  sync.WaitGroup
}

func newGuests(interval time.Duration) *Guests {
	ctx, stop := context.WithCancel(context.Background())
	return &Guests{context: ctx, stop: stop, interval: interval}
}

// Start lets a guest run until Stop.
func (g *Guests) Start(guest *Guest) {
	g.running.Go(func() { guest.Run(g.context, g.interval) })
}

// Stop ends all guests and waits for them.
func (g *Guests) Stop() {
	g.stop()
	g.running.Wait()
}
