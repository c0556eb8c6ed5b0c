// Tests of which requests a fault rule applies to.

package frontend

import "testing"

func mustAdd(t *testing.T, faults *Faults, rule Rule) {
	t.Helper()
	if err := faults.Add(rule); err != nil {
		t.Fatal(err)
	}
}

// matches returns for which of the next requests a rule applies.
func matches(faults *Faults, method string, names []string, fromLab bool, requests int) string {
	result := ""
	for range requests {
		if faults.Match(method, names, fromLab) != nil {
			result += "x"
		} else {
			result += "-"
		}
	}
	return result
}

func TestRuleSkipsAndCounts(t *testing.T) {
	for pattern, rule := range map[string]Rule{
		"x----": {},
		"xx---": {Count: 2},
		"--x--": {Skip: 2},
		"-xxxx": {Skip: 1, Count: -1},
	} {
		faults := newFaults(1)
		rule.Method, rule.Fault = "PowerOnVM_Task", "InvalidState"
		mustAdd(t, faults, rule)
		if got := matches(faults, "PowerOnVM_Task", nil, false, len(pattern)); got != pattern {
			t.Errorf("%+v applied to %s, want %s", rule, got, pattern)
		}
	}
}

func TestRuleMatchesMethodObjectAndClient(t *testing.T) {
	names := []string{"vm-7", "app-01"}
	for _, test := range []struct {
		rule    Rule
		fromLab bool
		want    string
	}{
		{Rule{Method: "*"}, false, "x"},
		{Rule{Method: "PowerOffVM_Task"}, false, "-"},
		{Rule{Method: "PowerOnVM_Task", Object: "app-01"}, false, "x"},
		{Rule{Method: "PowerOnVM_Task", Object: "vm-7"}, false, "x"},
		{Rule{Method: "PowerOnVM_Task", Object: "app-02"}, false, "-"},
		{Rule{Method: "PowerOnVM_Task"}, true, "-"},
		{Rule{Method: "PowerOnVM_Task", Client: "lab"}, true, "x"},
		{Rule{Method: "PowerOnVM_Task", Client: "lab"}, false, "-"},
		{Rule{Method: "PowerOnVM_Task", Client: "any"}, true, "x"},
	} {
		faults := newFaults(1)
		test.rule.Fault = "Disconnect"
		mustAdd(t, faults, test.rule)
		if got := matches(faults, "PowerOnVM_Task", names, test.fromLab, 1); got != test.want {
			t.Errorf("%+v, from the lab %v: %s, want %s", test.rule, test.fromLab, got, test.want)
		}
	}
}
