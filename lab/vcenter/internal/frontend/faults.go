// Faults that a test asks for: of a call, of its task, of the connection, or only slowness.

package main

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
	// faultDisconnect drops the connection before the request is carried out.
	faultDisconnect = "Disconnect"
	// faultDisconnectAfter carries the request out and drops the connection instead of answering.
	faultDisconnectAfter = "DisconnectAfter"
	// faultSnapshot with a name has somebody else take a snapshot of that name before the request is carried out.
	faultSnapshot = "Snapshot "
	// faultPowerOff has somebody else cut the VM's power before the request is carried out.
	faultPowerOff = "PowerOff"
	// faultEndSession ends the caller's session before the request is carried out, as an idle timeout does.
	faultEndSession = "EndSession"
	// faultHTTP with a number answers with that HTTP status.
	faultHTTP = "HTTP "
)

// Rule is one entry of POST /faults. Count 0 means 1, a negative count means for ever; Probability 0 means always.
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
	clientUser = "user" // every client but the lab's own
	clientLab  = "lab"
	clientAny  = "any"
)

func (r *Rule) check() error {
	if r.Target != "" && r.Target != "vcenter" {
		return fmt.Errorf("target is %q; here it can be vcenter", r.Target)
	}
	if r.Method == "" {
		return errors.New("method is missing")
	}
	if r.Fault == "" && r.DelayMS == 0 {
		return errors.New("the rule has neither a fault nor a delay_ms")
	}
	if r.Task && !strings.HasSuffix(r.Method, "_Task") {
		return fmt.Errorf("%s starts no task", r.Method)
	}
	if r.Client != clientUser && r.Client != clientLab && r.Client != clientAny {
		return fmt.Errorf("client is %q; it can be user, lab or any", r.Client)
	}
	if r.Probability < 0 || r.Probability > 1 {
		return errors.New("probability lies between 0 and 1")
	}
	if status, ok := strings.CutPrefix(r.Fault, faultHTTP); ok {
		_, err := strconv.Atoi(status)
		return err
	}
	if plainFaults[r.Fault] || strings.HasPrefix(r.Fault, faultSnapshot) {
		return nil
	}
	_, err := r.build(types.ManagedObjectReference{})
	return err
}

// plainFaults are those that are no faults of the vSphere API.
var plainFaults = map[string]bool{
	"": true, faultDisconnect: true, faultDisconnectAfter: true, faultPowerOff: true, faultEndSession: true,
}

func (r *Rule) delay() time.Duration { return time.Duration(r.DelayMS) * time.Millisecond }

// build makes the fault that the rule names. Details fill its fields, by their names in the vSphere API.
func (r *Rule) build(object types.ManagedObjectReference) (types.BaseMethodFault, error) {
	kind, ok := types.TypeFunc()(r.Fault)
	if !ok {
		return nil, fmt.Errorf("there is no fault %s", r.Fault)
	}
	made := reflect.New(kind).Interface()
	nameObject(reflect.ValueOf(made).Elem(), object)
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

// objectFields are the names under which faults refer to the object of the call.
var objectFields = map[string]bool{"Entity": true, "Obj": true, "Object": true, "Vm": true}

// nameObject puts the called object where the fault refers to it: a client cannot decode an empty reference.
func nameObject(fault reflect.Value, object types.ManagedObjectReference) {
	for index := range fault.NumField() {
		field, described := fault.Field(index), fault.Type().Field(index)
		switch {
		case described.Anonymous:
			nameObject(field, object)
		case !objectFields[described.Name]:
		case field.Type() == reflect.TypeFor[types.ManagedObjectReference]():
			field.Set(reflect.ValueOf(object))
		case field.Type() == reflect.TypeFor[*types.ManagedObjectReference]():
			field.Set(reflect.ValueOf(&object))
		}
	}
}

var privileges = map[string]string{
	"ReconfigVM_Task":         "VirtualMachine.Config.AdvancedConfig",
	"PowerOnVM_Task":          "VirtualMachine.Interact.PowerOn",
	"PowerOffVM_Task":         "VirtualMachine.Interact.PowerOff",
	"ShutdownGuest":           "VirtualMachine.Interact.PowerOff",
	"ResetVM_Task":            "VirtualMachine.Interact.Reset",
	"RebootGuest":             "VirtualMachine.Interact.Reset",
	"SuspendVM_Task":          "VirtualMachine.Interact.Suspend",
	"CreateSnapshot_Task":     "VirtualMachine.State.CreateSnapshot",
	"CreateSnapshotEx_Task":   "VirtualMachine.State.CreateSnapshot",
	"RemoveSnapshot_Task":     "VirtualMachine.State.RemoveSnapshot",
	"RemoveAllSnapshots_Task": "VirtualMachine.State.RemoveSnapshot",
	"ConsolidateVMDisks_Task": "VirtualMachine.State.RemoveSnapshot",
	"RevertToSnapshot_Task":   "VirtualMachine.State.RevertToSnapshot",
	"UpgradeVM_Task":          "VirtualMachine.Config.UpgradeVirtualHardware",
	"QueryChangedDiskAreas":   "VirtualMachine.Provisioning.DiskRandomRead",
}

func privilegeFor(method string) string {
	if privilege, ok := privileges[method]; ok {
		return privilege
	}
	return "System.View"
}

// activeRule is a rule with what is left of its skip and count.
type activeRule struct {
	Rule
	skip, left int
}

// Faults are the rules in force.
type Faults struct {
	mu     sync.Mutex
	rules  []*activeRule
	chance *rand.Rand
}

func newFaults(seed uint64) *Faults { return &Faults{chance: rand.New(rand.NewPCG(seed, 0))} }

// Add puts a rule in force.
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

// Match is the first rule that applies to a call on an object known by these names, and uses it up by one.
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
