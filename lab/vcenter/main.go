// lab-vcenter: a vCenter on loopback for tests. It is govmomi's simulator with change tracking, disks that hold real
// bytes, guests that write to them, and a port for control.

package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
)

// readiness is the content of the file named by -ready.
type readiness struct {
	Port        int `json:"port"`
	ControlPort int `json:"control_port"`
	PID         int `json:"pid"`
}

func main() {
	configPath := flag.String("config", "", "file with the configuration (JSON)")
	readyPath := flag.String("ready", "", "file to write when the servers answer (JSON)")
	flag.Parse()
	log.SetFlags(log.LstdFlags | log.LUTC)
	if *configPath == "" || *readyPath == "" {
		fmt.Fprintln(os.Stderr, "lab-vcenter: -config and -ready are needed")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *configPath, *readyPath); err != nil {
		fmt.Fprintln(os.Stderr, "lab-vcenter:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, configPath, readyPath string) error {
	config, err := loadConfig(configPath)
	if err != nil {
		return err
	}
	certificate, err := tls.LoadX509KeyPair(config.TLSCertificate, config.TLSKey)
	if err != nil {
		return err
	}
	lab := newLab(config)
	defer lab.Close()
	if err := lab.build(ctx); err != nil {
		return err
	}
	vcenter, err := newServer(config.Listen, lab.vcenterHandler(), certificate)
	if err != nil {
		return err
	}
	defer vcenter.Stop()
	control, err := newServer(config.ControlListen, lab.controlHandler())
	if err != nil {
		return err
	}
	defer control.Stop()
	vcenter.Start()
	control.Start()
	if err := writeReady(readyPath, readiness{vcenter.Port(), control.Port(), os.Getpid()}); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// writeReady lets a reader see either no file or a whole one.
func writeReady(path string, ready readiness) error {
	content, err := json.Marshal(ready)
	if err != nil {
		return err
	}
	temporary := path + ".tmp"
	if err := os.WriteFile(temporary, content, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
