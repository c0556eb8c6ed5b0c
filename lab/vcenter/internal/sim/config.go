// The part of the configuration that says what the simulated vCenter contains and how it behaves.

package sim

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// ReadBack says when config.changeTrackingEnabled shows a request made through the API. Sources disagree about real
// vCenters, so clients are tested with both values.
type ReadBack string

const (
	// ReadBackAtOnce shows the requested value as soon as ReconfigVM_Task has completed.
	ReadBackAtOnce ReadBack = "at_once"
	// ReadBackAfterStun shows the requested value only after it has taken effect.
	ReadBackAfterStun ReadBack = "after_stun"
)

// Config says what the simulated vCenter contains and how it behaves. Its keys are at the top level of the
// configuration file.
type Config struct {
	Directory       string              `json:"directory"`
	VMCount         int                 `json:"vms"`
	VCenterVersion  string              `json:"vcenter_version"`
	ESXiVersion     string              `json:"esxi_version"`
	ESXiVersions    []string            `json:"esxi_versions"` // by host, each with an optional build: "6.7.0-8169922"
	StandaloneESXi  bool                `json:"standalone_esxi"`
	DatastoreType   string              `json:"datastore_type"`
	SessionTimeout  string              `json:"session_timeout"` // such as "1s"; empty for the simulator's default
	GuestIntervalMS int                 `json:"guest_interval_ms"`
	Seed            uint64              `json:"seed"`
	ReadBack        ReadBack            `json:"change_tracking_read_back"`
	AreasPerPage    int                 `json:"changed_areas_per_page"`
	Overrides       map[string]Override `json:"vm_overrides"`
}

// Override makes one VM differ from its default shape, so that tests have VMs that do not support CBT.
// The keys about a disk apply to the VM's last disk, unless the disks are listed.
type Override struct {
	HardwareVersion     int               `json:"hardware_version"`
	Snapshot            string            `json:"snapshot"`
	DiskMode            string            `json:"disk_mode"`
	RDM                 string            `json:"rdm"`
	Sharing             string            `json:"sharing"`
	Template            bool              `json:"template"`
	PoweredOff          bool              `json:"powered_off"`
	Suspended           bool              `json:"suspended"`
	Tools               *bool             `json:"tools"`
	IgnoresShutdown     bool              `json:"ignores_shutdown"`
	Disks               []DiskOverride    `json:"disks"`
	BusSharing          string            `json:"bus_sharing"` // of the first SCSI controller
	FaultTolerance      string            `json:"fault_tolerance"`
	ConsolidationNeeded bool              `json:"consolidation_needed"`
	ConnectionState     string            `json:"connection_state"`
	Firmware            string            `json:"firmware"`
	GuestName           string            `json:"guest_name"`
	Settings            map[string]string `json:"settings"` // advanced settings; the case of the keys is kept
	Folder              string            `json:"folder"`   // relative to the datacenter's VM folder, such as "prod/web"
	Attributes          map[string]string `json:"attributes"`
	Tags                []string          `json:"tags"` // each CATEGORY:NAME
	Host                *int              `json:"host"`
}

// DiskOverride describes one disk of a VM whose disks are listed.
type DiskOverride struct {
	Controller string `json:"controller"` // scsi0 (paravirtual), lsi1, sata0, nvme0 or ide0, or another number
	Unit       int32  `json:"unit"`
	SizeMiB    int64  `json:"size_mib"`
	Mode       string `json:"mode"`
	RDM        string `json:"rdm"`
	Sharing    string `json:"sharing"`
	FirstClass bool   `json:"first_class"`
	PMem       bool   `json:"persistent_memory"`
}

// DefaultConfig returns the defaults. The directory has no default.
func DefaultConfig() Config {
	return Config{
		VMCount:         3,
		VCenterVersion:  "6.7.0",
		ESXiVersion:     "6.7.0",
		GuestIntervalMS: 200,
		Seed:            1,
		ReadBack:        ReadBackAfterStun,
		AreasPerPage:    64,
		DatastoreType:   "VMFS",
	}
}

// Check makes the directory absolute and validates the configuration.
func (c *Config) Check() error {
	absolute, err := filepath.Abs(c.Directory)
	if err != nil {
		return err
	}
	c.Directory = absolute
	if c.VMCount < 0 || c.GuestIntervalMS < 1 || c.AreasPerPage < 1 {
		return errors.New("vms must not be negative; guest_interval_ms and changed_areas_per_page must be at least 1")
	}
	if c.ReadBack != ReadBackAtOnce && c.ReadBack != ReadBackAfterStun {
		return fmt.Errorf("change_tracking_read_back is %q; it must be at_once or after_stun", c.ReadBack)
	}
	return c.checkOverrides()
}

func (c *Config) checkOverrides() error {
	names := map[string]bool{}
	for index := range c.VMCount {
		names[VMName(index)] = true
	}
	for name, override := range c.Overrides {
		if !names[name] {
			return fmt.Errorf("vm_overrides contains %s, which is not one of the %d VMs", name, c.VMCount)
		}
		for _, tag := range override.Tags {
			if category, tagName, _ := strings.Cut(tag, ":"); category == "" || tagName == "" {
				return fmt.Errorf("%s: the tag %q must have the form CATEGORY:NAME", name, tag)
			}
		}
		for _, disk := range override.Disks {
			if _, _, err := parseController(disk.Controller); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// hostVersion returns the version and the build of a host. The build is empty if none is configured.
func (c *Config) hostVersion(index int) (string, string) {
	version := c.ESXiVersion
	if len(c.ESXiVersions) > 0 {
		version = c.ESXiVersions[index%len(c.ESXiVersions)]
	}
	release, build, _ := strings.Cut(version, "-")
	return release, build
}

func (c *Config) guestInterval() time.Duration {
	return time.Duration(c.GuestIntervalMS) * time.Millisecond
}

// dataDirectory is the only subdirectory of Directory that is written. It is emptied at start.
func (c *Config) dataDirectory() string { return filepath.Join(c.Directory, "vcenter-data") }

// hasTools reports whether VMware Tools is installed and runs while the guest runs.
func (o Override) hasTools() bool { return o.Tools == nil || *o.Tools }

// VMName returns the name of a VM by its index: app-01 for the first VM.
func VMName(index int) string { return fmt.Sprintf("app-%02d", index+1) }
