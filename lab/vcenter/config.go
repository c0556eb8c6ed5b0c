// The configuration file: what the simulated vCenter holds, whom it lets in and where it listens.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ReadBack says when config.changeTrackingEnabled shows a request made through the API. Sources disagree on real
// vCenters, so clients are tested both ways.
type ReadBack string

const (
	// ReadBackAtOnce shows the requested value as soon as ReconfigVM_Task has ended.
	ReadBackAtOnce ReadBack = "at_once"
	// ReadBackAfterStun shows it only once the request has taken effect.
	ReadBackAfterStun ReadBack = "after_stun"
)

// Config is the content of the file named by -config.
type Config struct {
	Directory       string              `json:"directory"`
	VMs             int                 `json:"vms"`
	Username        string              `json:"username"`
	Password        string              `json:"password"`
	TLSCertificate  string              `json:"tls_certificate"`
	TLSKey          string              `json:"tls_key"`
	VCenterVersion  string              `json:"vcenter_version"`
	ESXiVersion     string              `json:"esxi_version"`
	ESXiVersions    []string            `json:"esxi_versions"` // host by host, each perhaps with a build: "6.7.0-8169922"
	StandaloneESXi  bool                `json:"standalone_esxi"`
	DatastoreType   string              `json:"datastore_type"`
	SessionTimeout  string              `json:"session_timeout"` // such as "1s"; empty for the simulator's own
	GuestIntervalMS int                 `json:"guest_interval_ms"`
	Seed            uint64              `json:"seed"`
	Listen          string              `json:"listen"`
	ControlListen   string              `json:"control_listen"`
	ReadBack        ReadBack            `json:"change_tracking_read_back"`
	AreasPerPage    int                 `json:"changed_areas_per_page"`
	Overrides       map[string]Override `json:"vm_overrides"`
}

// Override makes one VM differ from its shape, so that tests have VMs that CBT refuses.
// What names a disk applies to the VM's last disk, unless the disks are listed.
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
	Settings            map[string]string `json:"settings"` // advanced configuration, in any spelling
	Folder              string            `json:"folder"`   // below the datacenter's vm folder, such as "prod/web"
	Attributes          map[string]string `json:"attributes"`
	Tags                []string          `json:"tags"` // each CATEGORY:NAME
	Host                *int              `json:"host"`
}

// DiskOverride is one disk of a VM whose disks are listed.
type DiskOverride struct {
	Controller string `json:"controller"` // scsi0 (paravirtual), lsi1, sata0, nvme0 or ide0, with any number
	Unit       int32  `json:"unit"`
	SizeMiB    int64  `json:"size_mib"`
	Mode       string `json:"mode"`
	RDM        string `json:"rdm"`
	Sharing    string `json:"sharing"`
	FirstClass bool   `json:"first_class"`
	PMem       bool   `json:"persistent_memory"`
}

func defaultConfig() Config {
	return Config{
		VMs:             3,
		VCenterVersion:  "6.7.0",
		ESXiVersion:     "6.7.0",
		GuestIntervalMS: 200,
		Seed:            1,
		Listen:          "127.0.0.1:0",
		ControlListen:   "127.0.0.1:0",
		ReadBack:        ReadBackAfterStun,
		AreasPerPage:    64,
		DatastoreType:   "VMFS",
	}
}

func loadConfig(path string) (Config, error) {
	config := defaultConfig()
	file, err := os.Open(path)
	if err != nil {
		return config, err
	}
	defer file.Close()
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&config); err != nil {
		return config, fmt.Errorf("%s: %w", path, err)
	}
	return config, config.check()
}

func (c *Config) check() error {
	if c.Directory == "" || c.Username == "" || c.Password == "" || c.TLSCertificate == "" || c.TLSKey == "" {
		return errors.New("directory, username, password, tls_certificate and tls_key are needed")
	}
	absolute, err := filepath.Abs(c.Directory)
	if err != nil {
		return err
	}
	c.Directory = absolute
	if c.VMs < 0 || c.GuestIntervalMS < 1 || c.AreasPerPage < 1 {
		return errors.New("vms must not be negative; guest_interval_ms and changed_areas_per_page must be at least 1")
	}
	if c.ReadBack != ReadBackAtOnce && c.ReadBack != ReadBackAfterStun {
		return fmt.Errorf("change_tracking_read_back is %q; it can be at_once or after_stun", c.ReadBack)
	}
	names := map[string]bool{}
	for index := range c.VMs {
		names[machineName(index)] = true
	}
	for name, override := range c.Overrides {
		if !names[name] {
			return fmt.Errorf("vm_overrides names %s, which is not among the %d VMs", name, c.VMs)
		}
		for _, tag := range override.Tags {
			if category, tagName, _ := strings.Cut(tag, ":"); category == "" || tagName == "" {
				return fmt.Errorf("%s: a tag is written CATEGORY:NAME, not %q", name, tag)
			}
		}
		for _, disk := range override.Disks {
			if _, _, err := controllerOf(disk.Controller); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// hostVersion is the version and the build of a host; the build is empty when it does not matter.
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

// dataDirectory is the only place below Directory that is written, and it is emptied at start.
func (c *Config) dataDirectory() string { return filepath.Join(c.Directory, "vcenter-data") }

func (o Override) toolsRunning() bool { return o.Tools == nil || *o.Tools }

// machineName is app-01 for the first VM.
func machineName(index int) string { return fmt.Sprintf("app-%02d", index+1) }
