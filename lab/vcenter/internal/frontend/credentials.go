// Who may log in: one user, with or without the domain of vCenter's single sign-on.

package frontend

import (
	"crypto/subtle"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

const singleSignOnDomain = "vsphere.local"

// Credentials are those of the only user. Their keys are at the top level of the configuration file.
type Credentials struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// usernames returns the spellings under which the user may log in.
func (c Credentials) usernames() []string {
	names := []string{c.Username}
	if !strings.Contains(c.Username, "@") {
		names = append(names, c.Username+"@"+singleSignOnDomain)
	}
	return names
}

func (c Credentials) valid(login *types.Login) bool {
	if subtle.ConstantTimeCompare([]byte(login.Password), []byte(c.Password)) != 1 {
		return false
	}
	for _, name := range c.usernames() {
		if login.UserName == name {
			return true
		}
	}
	return false
}
