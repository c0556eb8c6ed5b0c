// Counts what clients ask, and knows which requests change something.

package main

import (
	"net/http"
	"sort"
	"strings"
	"sync"
)

// labUserAgent begins the User-Agent of the lab's own clients, which are not counted.
const labUserAgent = "cutover-lab"

// RequestCount is how often an action was asked.
type RequestCount struct {
	Service  string `json:"service"`
	Action   string `json:"action"`
	Count    int    `json:"count"`
	Mutating bool   `json:"mutating"`
}

// Requests counts by action.
type Requests struct {
	mu     sync.Mutex
	counts map[string]int
}

func newRequests() *Requests { return &Requests{counts: map[string]int{}} }

// Add counts one request.
func (r *Requests) Add(action string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[action]++
}

// Reset forgets all counts.
func (r *Requests) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts = map[string]int{}
}

// List is all counts, ordered by action.
func (r *Requests) List() []RequestCount {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := []RequestCount{}
	for action, count := range r.counts {
		list = append(list, RequestCount{Service: "vcenter", Action: action, Count: count, Mutating: isMutating(action)})
	}
	sort.Slice(list, func(a, b int) bool { return list[a].Action < list[b].Action })
	return list
}

// harmlessPrefixes begin the names of methods that read, or that keep house for a session.
var harmlessPrefixes = []string{
	"Acquire", "Browse", "CancelWaitFor", "Check", "ContinueRetrieve", "CreateCollector", "Current", "Estimate", "Fetch",
	"Find", "Has", "List", "Login", "Query", "Read", "Refresh", "Retrieve", "Search", "Validate", "WaitFor",
	"HTTP GET ", "HTTP HEAD ", "HTTP POST tag-association list-",
}

var harmlessMethods = map[string]bool{
	"CheckForUpdates": true, "CloneSession": true, "CreateContainerView": true, "CreateFilter": true, "CreateInventoryView": true,
	"CreateListView": true, "CreateListViewFromView": true, "CreatePropertyCollector": true, "CloseInventoryViewFolder": true,
	"DestroyCollector": true, "DestroyPropertyCollector": true, "DestroyPropertyFilter": true, "DestroyView": true,
	"ModifyListView": true, "OpenInventoryViewFolder": true, "ResetCollector": true, "ResetListView": true,
	"ResetListViewFromView": true, "RewindCollector": true, "SessionIsActive": true, "SetCollectorPageSize": true,
	"SetLocale": true, "Logout": true, "HTTP POST session": true, "HTTP DELETE session": true,
}

// isMutating errs on the side of yes: a method that is not known to be harmless changes something.
func isMutating(action string) bool {
	if harmlessMethods[action] {
		return false
	}
	for _, prefix := range harmlessPrefixes {
		if strings.HasPrefix(action, prefix) {
			return false
		}
	}
	return true
}

func isLabClient(request *http.Request) bool {
	return strings.HasPrefix(request.UserAgent(), labUserAgent)
}
