// The simulation together with its two servers.

package main

import (
	"context"
	"crypto/tls"

	"cutover.smc/lab/vcenter/internal/control"
	"cutover.smc/lab/vcenter/internal/frontend"
	"cutover.smc/lab/vcenter/internal/sim"
)

// service is a running simulation with its two servers.
type service struct {
	simulation       *sim.Simulation
	vcenter, control *server
}

// startService creates the simulation and starts to serve it.
func startService(ctx context.Context, config Config) (*service, error) {
	certificate, err := tls.LoadX509KeyPair(config.TLSCertificate, config.TLSKey)
	if err != nil {
		return nil, err
	}
	simulation, err := sim.New(ctx, config.Config)
	if err != nil {
		return nil, err
	}
	started := &service{simulation: simulation}
	front := frontend.New(simulation, config.Credentials)
	started.vcenter, err = startServer(config.Listen, front.Handler(), certificate)
	if err == nil {
		err = front.AttachTags(ctx, started.vcenter.port())
	}
	if err == nil {
		started.control, err = startServer(config.ControlListen, control.Handler(simulation, front))
	}
	if err != nil {
		started.stop()
		return nil, err
	}
	return started, nil
}

// stop stops the servers first, so that nothing uses the disks when they are closed.
func (s *service) stop() {
	for _, running := range []*server{s.vcenter, s.control} {
		if running != nil {
			running.stop()
		}
	}
	s.simulation.Close()
}
