// lab-vcenter is a vCenter on loopback for tests: govmomi's simulator with change tracking, disks that hold real bytes,
// guests that write to them, and a control port.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
)

// readiness is the content of the file that -ready names.
type readiness struct {
	Port        int `json:"port"`
	ControlPort int `json:"control_port"`
	PID         int `json:"pid"`
}

func main() {
	configPath := flag.String("config", "", "path of the configuration file (JSON)")
	readyPath := flag.String("ready", "", "path of the file to write when the servers answer (JSON)")
	flag.Parse()
	log.SetFlags(log.LstdFlags | log.LUTC)
	if *configPath == "" || *readyPath == "" {
		fmt.Fprintln(os.Stderr, "lab-vcenter: -config and -ready are required")
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
	started, err := startService(ctx, config)
	if err != nil {
		return err
	}
	defer started.stop()
	ready := readiness{Port: started.vcenter.port(), ControlPort: started.control.port(), PID: os.Getpid()}
	if err := writeReady(readyPath, ready); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// writeReady writes the file atomically: a reader finds either no file or a complete one.
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
