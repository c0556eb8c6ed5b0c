// The datastore: where the files of the VMs are, and which disk each flat file belongs to.

package sim

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/vmware/govmomi/object"

	"cutover.smc/lab/vcenter/internal/disk"
)

const (
	// DatacenterName is the name of the only datacenter of the simulated vCenter.
	DatacenterName = "DC0"
	// DatastoreName is the name of the only datastore.
	DatastoreName = "LocalDS_0"
)

// Datastore is a directory with the files of all VMs. Its methods may be called from any goroutine.
type Datastore struct {
	dataDirectory string

	mu    sync.Mutex
	disks map[string]*disk.Disk // by the path of the flat file in the datastore
}

func newDatastore(dataDirectory string) *Datastore {
	return &Datastore{dataDirectory: dataDirectory, disks: map[string]*disk.Disk{}}
}

// Directory is the absolute path of the directory that holds the datastore's files.
func (d *Datastore) Directory() string { return filepath.Join(d.dataDirectory, "datastore") }

// Disk returns the disk of a flat file, by the file's path in the datastore. It returns nil if there is no such disk.
func (d *Datastore) Disk(flat string) *disk.Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.disks[flat]
}

// open opens or creates the disk of a flat file. Its copy-on-write layers are outside the datastore.
func (d *Datastore) open(flat string, capacity int64) (*disk.Disk, error) {
	overlays := filepath.Join(d.dataDirectory, "overlays", url.PathEscape(flat))
	opened, err := disk.Open(filepath.Join(d.Directory(), flat), overlays, capacity)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.disks[flat] = opened
	return opened, nil
}

// prepare empties the data directory, and makes the process create its temporary files in it.
func (d *Datastore) prepare() error {
	if err := os.RemoveAll(d.dataDirectory); err != nil {
		return err
	}
	temporary := filepath.Join(d.dataDirectory, "tmp")
	for _, directory := range []string{d.Directory(), temporary} {
		if err := os.MkdirAll(directory, 0o700); err != nil {
			return err
		}
	}
	return os.Setenv("TMPDIR", temporary)
}

// FlatFile returns app-01/disk1-flat.vmdk for the descriptor "[LocalDS_0] app-01/disk1.vmdk".
func FlatFile(descriptor string) (string, bool) {
	var parsed object.DatastorePath
	if !parsed.FromString(descriptor) || parsed.Datastore != DatastoreName || path.Ext(parsed.Path) != ".vmdk" {
		return "", false
	}
	return strings.TrimSuffix(parsed.Path, ".vmdk") + "-flat.vmdk", true
}
