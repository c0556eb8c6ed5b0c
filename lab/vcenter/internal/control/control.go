// Package control is the control port: what tests and other parts of the lab ask about the simulation itself, as JSON over
// plain HTTP.
package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/vmware/govmomi/simulator"

	"cutover.smc/lab/vcenter/internal/frontend"
	"cutover.smc/lab/vcenter/internal/machine"
	"cutover.smc/lab/vcenter/internal/sim"
)

// Handler returns the handler of the control port.
func Handler(simulation *sim.Simulation, front *frontend.Frontend) http.Handler {
	mux := http.NewServeMux()
	vms := vmHandlers{simulation}
	mux.HandleFunc("GET /vms", vms.list)
	mux.HandleFunc("GET /vms/{name}", vms.show)
	mux.HandleFunc("GET /vms/{name}/disks", vms.hashDisks)
	mux.HandleFunc("POST /vms/{name}/guest", vms.setService)
	mux.HandleFunc("POST /vms/{name}/tracking/reset", vms.resetTracking)
	mux.HandleFunc("GET /requests", answer(func() any { return front.Requests.List() }))
	mux.HandleFunc("DELETE /requests", perform(front.Requests.Reset))
	mux.HandleFunc("GET /sessions", answer(func() any { return simulation.Sessions.Keys() }))
	mux.HandleFunc("DELETE /sessions", perform(simulation.Sessions.EndAll))
	mux.HandleFunc("POST /privileges", denyPrivileges(simulation.Privileges))
	mux.HandleFunc("DELETE /privileges", perform(simulation.Privileges.Reset))
	mux.HandleFunc("POST /faults", addFaults(front.Faults))
	mux.HandleFunc("DELETE /faults", perform(front.Faults.Reset))
	return mux
}

// answer returns a handler that answers with a value.
func answer(value func() any) http.HandlerFunc {
	return func(writer http.ResponseWriter, _ *http.Request) { writeJSON(writer, http.StatusOK, value()) }
}

// perform returns a handler that does something and answers without content.
func perform(do func()) http.HandlerFunc {
	return func(writer http.ResponseWriter, _ *http.Request) {
		do()
		writer.WriteHeader(http.StatusNoContent)
	}
}

func writeJSON(writer http.ResponseWriter, status int, value any) {
	writer.Header().Set("Content-Type", "application/json")
	writer.WriteHeader(status)
	_ = json.NewEncoder(writer).Encode(value)
}

func writeError(writer http.ResponseWriter, status int, err error) {
	writeJSON(writer, status, map[string]string{"error": err.Error()})
}

// vmHandlers answers the requests about VMs.
type vmHandlers struct{ simulation *sim.Simulation }

func (h vmHandlers) list(writer http.ResponseWriter, _ *http.Request) {
	views := []VM{}
	for _, vm := range h.simulation.Inventory.VMs() {
		views = append(views, describe(h.simulation, vm))
	}
	writeJSON(writer, http.StatusOK, views)
}

func (h vmHandlers) show(writer http.ResponseWriter, request *http.Request) {
	if vm := h.find(writer, request); vm != nil {
		writeJSON(writer, http.StatusOK, describe(h.simulation, vm))
	}
}

// find returns the VM of the name in the path. If it does not exist, find answers with 404 and returns nil.
func (h vmHandlers) find(writer http.ResponseWriter, request *http.Request) *simulator.VirtualMachine {
	name := request.PathValue("name")
	for _, vm := range h.simulation.Inventory.VMs() {
		if describe(h.simulation, vm).Name == name {
			return vm
		}
	}
	writeError(writer, http.StatusNotFound, fmt.Errorf("the VM %s does not exist", name))
	return nil
}

// findMachine is find for the machine of the VM.
func (h vmHandlers) findMachine(writer http.ResponseWriter, request *http.Request) *machine.Machine {
	vm := h.find(writer, request)
	if vm == nil {
		return nil
	}
	found := h.simulation.Machines.Get(vm.Self)
	if found == nil {
		writeError(writer, http.StatusNotFound, machine.ErrClosed)
	}
	return found
}

func (h vmHandlers) hashDisks(writer http.ResponseWriter, request *http.Request) {
	found := h.findMachine(writer, request)
	if found == nil {
		return
	}
	hashes, err := found.Disks.Hashes()
	if err != nil {
		writeError(writer, http.StatusInternalServerError, err)
		return
	}
	writeJSON(writer, http.StatusOK, hashes)
}

func (h vmHandlers) setService(writer http.ResponseWriter, request *http.Request) {
	var wanted struct {
		Service string `json:"service"`
	}
	found := h.findMachine(writer, request)
	if found == nil {
		return
	}
	if err := json.NewDecoder(request.Body).Decode(&wanted); err != nil || (wanted.Service != "running" && wanted.Service != "stopped") {
		writeError(writer, http.StatusBadRequest, errors.New(`the body must be {"service": "running"} or {"service": "stopped"}`))
		return
	}
	found.SetService(wanted.Service == "running")
	writeJSON(writer, http.StatusOK, wanted)
}

func (h vmHandlers) resetTracking(writer http.ResponseWriter, request *http.Request) {
	vm := h.find(writer, request)
	if vm == nil {
		return
	}
	if err := h.simulation.ResetTracking(vm); err != nil {
		writeError(writer, http.StatusNotFound, err)
		return
	}
	writer.WriteHeader(http.StatusNoContent)
}

func denyPrivileges(privileges *sim.Privileges) http.HandlerFunc {
	return func(writer http.ResponseWriter, request *http.Request) {
		var denial sim.Denial
		if err := json.NewDecoder(request.Body).Decode(&denial); err != nil {
			writeError(writer, http.StatusBadRequest, err)
			return
		}
		privileges.Deny(denial)
		writeJSON(writer, http.StatusCreated, denial)
	}
}

// addFaults takes one rule or a list of rules.
func addFaults(faults *frontend.Faults) http.HandlerFunc {
	return func(writer http.ResponseWriter, request *http.Request) {
		rules, err := decodeRules(request)
		if err != nil {
			writeError(writer, http.StatusBadRequest, err)
			return
		}
		for _, rule := range rules {
			if err := faults.Add(rule); err != nil {
				writeError(writer, http.StatusBadRequest, err)
				return
			}
		}
		writeJSON(writer, http.StatusCreated, rules)
	}
}

func decodeRules(request *http.Request) ([]frontend.Rule, error) {
	var body json.RawMessage
	if err := json.NewDecoder(request.Body).Decode(&body); err != nil {
		return nil, err
	}
	var rules []frontend.Rule
	if err := json.Unmarshal(body, &rules); err == nil {
		return rules, nil
	}
	rules = make([]frontend.Rule, 1)
	return rules, json.Unmarshal(body, &rules[0])
}
