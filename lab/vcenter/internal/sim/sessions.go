// The clients' sessions: which exist, how to end them, and which removed objects they must forget.

package sim

import (
	"maps"
	"slices"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// Sessions knows the sessions that sent a request. Its methods may be called from any goroutine.
type Sessions struct {
	inventory *Inventory

	mu        sync.Mutex
	removed   []types.ManagedObjectReference
	forgotten map[string]int // by session: the number of removed objects that it has forgotten
}

func newSessions(inventory *Inventory) *Sessions {
	return &Sessions{inventory: inventory, forgotten: map[string]int{}}
}

// Keys returns the sessions that sent a request since the last EndAll, including sessions that have ended.
func (s *Sessions) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.forgotten))
}

// IsActive reports whether the session exists and belongs to the user.
func (s *Sessions) IsActive(key, username string) bool {
	query := &types.SessionIsActive{SessionID: key, UserName: username}
	answer, ok := s.inventory.Registry.SessionManager().SessionIsActive(s.inventory.NewContext(), query).(*methods.SessionIsActiveBody)
	return ok && answer.Res != nil && answer.Res.Returnval
}

// EndAll ends the sessions of all clients, as a restart or an idle timeout does.
func (s *Sessions) EndAll() {
	s.mu.Lock()
	keys := slices.Collect(maps.Keys(s.forgotten))
	clear(s.forgotten)
	s.mu.Unlock()
	for _, key := range keys {
		s.End(key)
	}
}

// End ends one session.
func (s *Sessions) End(key string) {
	ctx := s.inventory.NewContext()
	ctx.Session = &simulator.Session{}
	s.inventory.Registry.SessionManager().TerminateSession(ctx, &types.TerminateSession{SessionId: []string{key}})
}

// objectRemoved records that an object was removed from the inventory.
func (s *Sessions) objectRemoved(ref types.ManagedObjectReference) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removed = append(s.removed, ref)
}

// forgetRemoved removes the wrappers of removed objects from a session. Otherwise they would still answer for those
// objects.
func (s *Sessions) forgetRemoved(session *simulator.Session) {
	s.mu.Lock()
	gone := s.removed[s.forgotten[session.Key]:]
	s.forgotten[session.Key] = len(s.removed)
	s.mu.Unlock()
	for _, ref := range gone {
		session.Registry.Remove(s.inventory.NewContext(), ref)
	}
}
