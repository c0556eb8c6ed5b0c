// Rules for faults that a test asks for: of a call, of its task or of the connection, or only a delay.

package frontend

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

const (
	// faultDisconnect closes the connection before the request takes effect.
	faultDisconnect = "Disconnect"
	// faultDisconnectAfter lets the request take effect, and closes the connection without an answer.
	faultDisconnectAfter = "DisconnectAfter"
	// faultSnapshot, followed by a name, makes another user take a snapshot of that name before the request takes effect.
	faultSnapshot = "Snapshot "
	// faultPowerOff makes another user power off the VM before the request takes effect.
	faultPowerOff = "PowerOff"
	// faultEndSession ends the caller's session before the request takes effect, as an idle timeout does.
	faultEndSession = "EndSession"
	// faultHTTP, followed by a number, answers with that HTTP status.
	faultHTTP = "HTTP "
)

// Rule is one entry of POST /faults. Count 0 means 1, and a negative count has no limit. Probability 0 means always.
type Rule struct {
	Target  string          `json:"target"`
	Method  string          `json:"method"`
	Object  string          `json:"object"`
	Fault   string          `json:"fault"`
	Details json.RawMessage `json:"details,omitempty"`
	Count   int             `json:"count"`
	Skip    int             `json:"skip"`
	Task    bool            `json:"task"`
	DelayMS int             `json:"delay_ms"`
	Client  string          `json:"client"`

	Probability float64 `json:"probability"`
}

const (
	clientUser = "user" // every client except the lab's own
	clientLab  = "lab"
	clientAny  = "any"
)

func (r *Rule) check() error {
	if r.Target != "" && r.Target != "vcenter" {
		return fmt.Errorf("target is %q; it must be vcenter", r.Target)
	}
	if r.Method == "" {
		return errors.New("method is missing")
	}
	if r.Fault == "" && r.DelayMS == 0 {
		return errors.New("the rule has neither a fault nor a delay_ms")
	}
	if r.Task && !strings.HasSuffix(r.Method, "_Task") {
		return fmt.Errorf("%s does not start a task", r.Method)
	}
	if r.Client != clientUser && r.Client != clientLab && r.Client != clientAny {
		return fmt.Errorf("client is %q; it must be user, lab or any", r.Client)
	}
	if r.Probability < 0 || r.Probability > 1 {
		return errors.New("probability must be between 0 and 1")
	}
	if status, ok := strings.CutPrefix(r.Fault, faultHTTP); ok {
		_, err := strconv.Atoi(status)
		return err
	}
	if connectionFaults[r.Fault] || strings.HasPrefix(r.Fault, faultSnapshot) {
		return nil
	}
	_, err := r.build(types.ManagedObjectReference{})
	return err
}

// connectionFaults are the values of Fault, beside those with a prefix, that are not faults of the vSphere API.
var connectionFaults = map[string]bool{
	"": true, faultDisconnect: true, faultDisconnectAfter: true, faultPowerOff: true, faultEndSession: true,
}

func (r *Rule) delay() time.Duration { return time.Duration(r.DelayMS) * time.Millisecond }

// build returns the vSphere fault of the rule. Details set its fields, by their names in the vSphere API.
func (r *Rule) build(object types.ManagedObjectReference) (types.BaseMethodFault, error) {
	kind, ok := types.TypeFunc()(r.Fault)
	if !ok {
		return nil, fmt.Errorf("the fault %s does not exist", r.Fault)
	}
	made := reflect.New(kind).Interface()
	setObject(reflect.ValueOf(made).Elem(), object)
	switch fault := made.(type) {
	case *types.NoPermission:
		fault.PrivilegeId = privilegeFor(r.Method)
	case *types.NotAuthenticated:
		fault.PrivilegeId = "System.View"
	case *types.TaskInProgress:
		fault.Task = types.ManagedObjectReference{Type: "Task", Value: "task-0"}
	case *types.InvalidPowerState:
		fault.RequestedState, fault.ExistingState = types.VirtualMachinePowerStatePoweredOn, types.VirtualMachinePowerStatePoweredOff
	case *types.GenericVmConfigFault:
		fault.Reason = "The lab was asked for this fault."
	}
	if len(r.Details) > 0 {
		if err := json.Unmarshal(r.Details, made); err != nil {
			return nil, fmt.Errorf("details: %w", err)
		}
	}
	fault, ok := made.(types.BaseMethodFault)
	if !ok {
		return nil, fmt.Errorf("%s is not a fault", r.Fault)
	}
	return fault, nil
}

// objectFields are the names of the fields in which faults refer to the object of the call.
var objectFields = map[string]bool{"Entity": true, "Obj": true, "Object": true, "Vm": true}

// setObject sets the fields that refer to the called object, because a client cannot decode an empty reference.
func setObject(fault reflect.Value, object types.ManagedObjectReference) {
	for index := range fault.NumField() {
		field, described := fault.Field(index), fault.Type().Field(index)
		switch {
		case described.Anonymous:
			setObject(field, object)
		case !objectFields[described.Name]:
		case field.Type() == reflect.TypeFor[types.ManagedObjectReference]():
			field.Set(reflect.ValueOf(object))
		case field.Type() == reflect.TypeFor[*types.ManagedObjectReference]():
			field.Set(reflect.ValueOf(&object))
		}
	}
}

// activeRule is a rule with the remainders of its skip and count.
type activeRule struct {
	Rule
	skip, left int
}

// Faults holds the active rules. Its methods may be called from any goroutine.
type Faults struct {
	mu     sync.Mutex
	rules  []*activeRule
	chance *rand.Rand
}

func newFaults(seed uint64) *Faults { return &Faults{chance: rand.New(rand.NewPCG(seed, 0))} }

// Add validates a rule and makes it active.
func (f *Faults) Add(rule Rule) error {
	if rule.Client == "" {
		rule.Client = clientUser
	}
	if rule.Count == 0 {
		rule.Count = 1
	}
	if err := rule.check(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, &activeRule{Rule: rule, skip: rule.Skip, left: rule.Count})
	return nil
}

// Reset removes all rules.
func (f *Faults) Reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
}

// Match returns the first rule that applies to a call on an object with these names, and decrements its count. It
// returns nil if no rule applies.
func (f *Faults) Match(method string, names []string, fromLab bool) *Rule {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, rule := range f.rules {
		if rule.left == 0 || !rule.matches(method, names, fromLab) {
			continue
		}
		if rule.skip > 0 {
			rule.skip--
			continue
		}
		if rule.Probability > 0 && f.chance.Float64() >= rule.Probability {
			continue
		}
		if rule.left > 0 {
			rule.left--
		}
		matched := rule.Rule
		return &matched
	}
	return nil
}

func (r *Rule) matches(method string, names []string, fromLab bool) bool {
	if r.Method != method && r.Method != "*" {
		return false
	}
	if r.Client != clientAny && (r.Client == clientLab) != fromLab {
		return false
	}
	if r.Object == "" || r.Object == "*" {
		return true
	}
	for _, name := range names {
		if r.Object == name {
			return true
		}
	}
	return false
}
