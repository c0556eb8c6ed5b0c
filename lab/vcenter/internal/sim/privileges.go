// Privileges that a test revokes from the user. vCenter reports them as missing, and calls that need them fail.

package sim

import (
	"slices"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// Denial lists privileges that the user does not have on an object, or on all objects ("*").
type Denial struct {
	Object string   `json:"object"`
	Denied []string `json:"denied"`
}

// Privileges holds the active denials. Its methods may be called from any goroutine.
type Privileges struct {
	mu      sync.Mutex
	denials []Denial
}

// NewPrivileges returns a set without denials.
func NewPrivileges() *Privileges { return &Privileges{} }

// Deny revokes privileges.
func (p *Privileges) Deny(denial Denial) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.denials = append(p.denials, denial)
}

// Reset grants all privileges again.
func (p *Privileges) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.denials = nil
}

// Granted reports whether the user has the privilege on the object with these names.
func (p *Privileges) Granted(names []string, privilege string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, denial := range p.denials {
		applies := denial.Object == "" || denial.Object == "*" || slices.Contains(names, denial.Object)
		if applies && slices.Contains(denial.Denied, privilege) {
			return false
		}
	}
	return true
}

// AuthorizationManager wraps the simulator's for one session, and takes the revoked privileges into account.
type AuthorizationManager struct {
	*simulator.AuthorizationManager
	simulation *Simulation
}

// HasUserPrivilegeOnEntities reports which privileges the user has.
func (a *AuthorizationManager) HasUserPrivilegeOnEntities(request *types.HasUserPrivilegeOnEntities) soap.HasFault {
	answer := a.AuthorizationManager.HasUserPrivilegeOnEntities(request)
	body := answer.(*methods.HasUserPrivilegeOnEntitiesBody)
	for index := range body.Res.Returnval {
		entity := &body.Res.Returnval[index]
		names := a.simulation.Names(entity.Entity)
		for number := range entity.PrivAvailability {
			privilege := &entity.PrivAvailability[number]
			privilege.IsGranted = a.simulation.Privileges.Granted(names, privilege.PrivId)
		}
	}
	return body
}
