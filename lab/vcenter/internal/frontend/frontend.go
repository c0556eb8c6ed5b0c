// Package frontend is the network side of the simulated vCenter: SOAP, REST and datastore files over HTTP, with logins,
// request counts and faults.
package frontend

import (
	"net/http"
	"net/url"

	vapi "github.com/vmware/govmomi/vapi/simulator"

	"cutover.smc/lab/vcenter/internal/sim"
)

// Frontend answers the requests to the simulated vCenter.
type Frontend struct {
	Requests *Requests
	Faults   *Faults

	simulation  *sim.Simulation
	credentials Credentials
}

// New returns the frontend of a simulation for one user.
func New(simulation *sim.Simulation, credentials Credentials) *Frontend {
	return &Frontend{
		Requests:    newRequests(),
		Faults:      newFaults(simulation.Config.Seed),
		simulation:  simulation,
		credentials: credentials,
	}
}

// Handler connects the simulator's handlers, and our own, to their paths. A stand-alone host does not have the REST
// service.
func (f *Frontend) Handler() http.Handler {
	service, registry := f.simulation.Inventory.Service, f.simulation.Inventory.Registry
	service.Listen = &url.URL{User: url.UserPassword(f.credentials.Username, f.credentials.Password)}
	registry.SessionManager().ValidLogin = f.credentials.valid
	service.ServeMux = http.NewServeMux()
	service.RegisterSDK(registry, registry.Path+"/vimService")
	intercept := &interceptor{simulation: f.simulation, requests: f.Requests, faults: f.Faults}
	files := &datastoreHandler{simulation: f.simulation, credentials: f.credentials}
	mux := http.NewServeMux()
	mux.HandleFunc(registry.Path, intercept.soap(service.ServeSDK))
	mux.HandleFunc(registry.Path+"/vimService", intercept.soap(service.ServeSDK))
	mux.HandleFunc(registry.Path+"/vimServiceVersions.xml", service.ServiceVersions)
	mux.HandleFunc(folderPrefix, intercept.files(files.ServeHTTP))
	if !f.simulation.Config.StandaloneESXi {
		patterns, handler := vapi.New(service.Listen, registry)
		for _, pattern := range patterns {
			mux.HandleFunc(pattern, intercept.rest(handler.ServeHTTP))
		}
	}
	return mux
}
