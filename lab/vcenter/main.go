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
	service, err := startService(ctx, config)
	if err != nil {
		return err
	}
	defer service.Stop()
	ready := readiness{Port: service.vcenter.Port(), ControlPort: service.control.Port(), PID: os.Getpid()}
	if err := writeReady(readyPath, ready); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// Service is the lab with its two servers.
type Service struct {
	lab              *Lab
	vcenter, control *Server
}

// startService builds the inventory and starts to serve.
func startService(ctx context.Context, config Config) (*Service, error) {
	certificate, err := tls.LoadX509KeyPair(config.TLSCertificate, config.TLSKey)
	if err != nil {
		return nil, err
	}
	service := &Service{lab: newLab(config)}
	err = service.lab.build(ctx)
	if err == nil {
		service.vcenter, err = startServer(config.Listen, service.lab.vcenterHandler(), certificate)
	}
	if err == nil {
		err = service.lab.attachTags(ctx, service.vcenter.Port())
	}
	if err == nil {
		service.control, err = startServer(config.ControlListen, service.lab.controlHandler())
	}
	if err != nil {
		service.Stop()
		return nil, err
	}
	return service, nil
}

// Stop ends the servers first, so that nothing uses the disks when they close.
func (s *Service) Stop() {
	for _, server := range []*Server{s.vcenter, s.control} {
		if server != nil {
			server.Stop()
		}
	}
	s.lab.Close()
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
