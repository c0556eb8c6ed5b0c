// The configuration file of the process.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"cutover.smc/lab/vcenter/internal/frontend"
	"cutover.smc/lab/vcenter/internal/sim"
)

// Config is the content of the file that -config names. The keys of the embedded parts are at its top level.
type Config struct {
	sim.Config
	frontend.Credentials
	TLSCertificate string `json:"tls_certificate"`
	TLSKey         string `json:"tls_key"`
	Listen         string `json:"listen"`
	ControlListen  string `json:"control_listen"`
}

func defaultConfig() Config {
	return Config{Config: sim.DefaultConfig(), Listen: "127.0.0.1:0", ControlListen: "127.0.0.1:0"}
}

// loadConfig reads and validates a configuration file. An unknown key is an error.
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
		return errors.New("directory, username, password, tls_certificate and tls_key are required")
	}
	return c.Config.Check()
}
