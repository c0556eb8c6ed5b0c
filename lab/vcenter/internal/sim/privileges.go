// Privileges that a test takes from the user: calls that need them fail, and vCenter says so when it is asked beforehand.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// Denial is what POST /privileges takes: privileges that are missing on an object, or on all with "*".
type Denial struct {
	Object string   `json:"object"`
	Denied []string `json:"denied"`
}

// Privileges are the denials in force.
type Privileges struct {
	mu      sync.Mutex
	denials []Denial
}

func newPrivileges() *Privileges { return &Privileges{} }

// Deny takes privileges away.
func (p *Privileges) Deny(denial Denial) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.denials = append(p.denials, denial)
}

// Reset gives them all back.
func (p *Privileges) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.denials = nil
}

// Granted tells whether an object known by these names lets the user do what needs the privilege.
func (p *Privileges) Granted(names []string, privilege string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, denial := range p.denials {
		about := denial.Object == "" || denial.Object == "*" || slices.Contains(names, denial.Object)
		if about && slices.Contains(denial.Denied, privilege) {
			return false
		}
	}
	return true
}

// refuse is the rule that answers a call for which a privilege is missing; nil when none is.
func (l *Lab) refuse(call soapCall, body []byte) *Rule {
	for _, privilege := range privilegesFor(call.Method, body) {
		if !l.privileges.Granted(l.namesOf(call.This), privilege) {
			details, _ := json.Marshal(map[string]string{"PrivilegeId": privilege})
			return &Rule{Method: call.Method, Fault: "NoPermission", Details: details}
		}
	}
	return nil
}

// privilegesFor is what a call needs. A reconfiguration needs more or less, by what it changes.
func privilegesFor(method string, body []byte) []string {
	if method != "ReconfigVM_Task" {
		if privilege, known := privileges[method]; known {
			return []string{privilege}
		}
		return nil
	}
	var needed []string
	if bytes.Contains(body, []byte("<changeTrackingEnabled>")) {
		needed = append(needed, "VirtualMachine.Config.ChangeTracking")
	}
	if bytes.Contains(body, []byte("<extraConfig")) {
		needed = append(needed, "VirtualMachine.Config.AdvancedConfig")
	}
	return needed
}

// AuthorizationManager wraps the simulator's for one session: it knows of the privileges that were taken away.
type AuthorizationManager struct {
	*simulator.AuthorizationManager
	lab *Lab
}

// HasUserPrivilegeOnEntities says which privileges the user has.
func (a *AuthorizationManager) HasUserPrivilegeOnEntities(request *types.HasUserPrivilegeOnEntities) soap.HasFault {
	answer := a.AuthorizationManager.HasUserPrivilegeOnEntities(request)
	body := answer.(*methods.HasUserPrivilegeOnEntitiesBody)
	for index := range body.Res.Returnval {
		entity := &body.Res.Returnval[index]
		names := a.lab.namesOf(entity.Entity)
		for number := range entity.PrivAvailability {
			privilege := &entity.PrivAvailability[number]
			privilege.IsGranted = a.lab.privileges.Granted(names, privilege.PrivId)
		}
	}
	return body
}

// interfere does to a VM what somebody else might do just then: take a snapshot, or cut its power.
func (l *Lab) interfere(ctx context.Context, ref types.ManagedObjectReference, fault string) error {
	client, err := vim25.NewClient(ctx, l.model.Service)
	if err != nil {
		return err
	}
	vm := object.NewVirtualMachine(client, l.machineOf(ref))
	var task *object.Task
	if name, found := strings.CutPrefix(fault, faultSnapshot); found {
		task, err = vm.CreateSnapshot(ctx, name, "taken by somebody else", false, false)
	} else {
		task, err = vm.PowerOff(ctx)
	}
	if err != nil {
		return err
	}
	return task.Wait(ctx)
}
