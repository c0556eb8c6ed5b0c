// Tests of the validation of the configuration.

package sim

import "testing"

func TestTagNeedsCategoryAndName(t *testing.T) {
	config := DefaultConfig()
	for tag, valid := range map[string]bool{"wave:7": true, "wave": false, ":7": false, "wave:": false} {
		config.Overrides = map[string]Override{"app-01": {Tags: []string{tag}}}
		if err := config.Check(); (err == nil) != valid {
			t.Errorf("%q: %v", tag, err)
		}
	}
}

func TestInvalidConfigurations(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"negative number of VMs": func(c *Config) { c.VMCount = -1 },
		"no guest interval":      func(c *Config) { c.GuestIntervalMS = 0 },
		"empty pages":            func(c *Config) { c.AreasPerPage = 0 },
		"unknown read-back":      func(c *Config) { c.ReadBack = "never" },
		"unknown VM":             func(c *Config) { c.Overrides = map[string]Override{"app-04": {}} },
		"unknown controller": func(c *Config) {
			c.Overrides = map[string]Override{"app-01": {Disks: []DiskOverride{{Controller: "scsi4"}}}}
		},
	} {
		config := DefaultConfig()
		change(&config)
		if config.Check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
