// Tests of the configuration file.

package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestConfigurationFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	load := func(content string) (Config, error) {
		must(t, os.WriteFile(path, []byte(content), 0o600))
		return loadConfig(path)
	}
	config, err := load(`{"directory": "d", "username": "u", "password": "p", "tls_certificate": "c", "tls_key": "k", "vms": 5}`)
	must(t, err)
	if config.VMCount != 5 || config.Username != "u" || config.AreasPerPage != 64 || !filepath.IsAbs(config.Directory) {
		t.Errorf("read as %+v", config)
	}
	for name, content := range map[string]string{
		"unknown key":      `{"directory": "d", "username": "u", "password": "p", "tls_certificate": "c", "tls_key": "k", "vm": 5}`,
		"missing password": `{"directory": "d", "username": "u", "tls_certificate": "c", "tls_key": "k"}`,
		"invalid value":    `{"directory": "d", "username": "u", "password": "p", "tls_certificate": "c", "tls_key": "k", "vms": -1}`,
	} {
		if _, err := load(content); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
