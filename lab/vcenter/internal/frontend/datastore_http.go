// The files of the datastore over HTTP, or parts of them, for logged-in users.

package frontend

import (
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"cutover.smc/lab/vcenter/internal/disk"
	"cutover.smc/lab/vcenter/internal/sim"
)

const folderPrefix = "/folder/"

// datastoreHandler serves the files of the datastore.
type datastoreHandler struct {
	simulation  *sim.Simulation
	credentials Credentials
}

// ServeHTTP answers GET and HEAD. It passes other methods to the simulator.
func (d *datastoreHandler) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	query := request.URL.Query()
	name := strings.TrimPrefix(request.URL.Path, folderPrefix)
	switch {
	case !d.loggedIn(request):
		writer.Header().Set("WWW-Authenticate", `Basic realm="VMware HTTP server"`)
		http.Error(writer, "a session is needed", http.StatusUnauthorized)
	case strings.TrimPrefix(query.Get("dcPath"), "/") != sim.DatacenterName || query.Get("dsName") != sim.DatastoreName:
		http.Error(writer, "there is no such datacenter or datastore", http.StatusNotFound)
	case name == "" || !filepath.IsLocal(name):
		http.Error(writer, "the path is not one of a file", http.StatusBadRequest)
	case request.Method != http.MethodGet && request.Method != http.MethodHead:
		d.simulation.Inventory.Service.ServeDatastore(writer, request)
	case query.Get("snapshot") != "":
		d.serveView(writer, request, name, query.Get("snapshot"))
	default:
		d.serveFile(writer, request, name)
	}
}

// serveView serves the content that a snapshot froze. This parameter exists only in the lab; a real client uses VDDK for
// this purpose.
func (d *datastoreHandler) serveView(writer http.ResponseWriter, request *http.Request, name, snapshot string) {
	served := d.simulation.Datastore.Disk(name)
	if served == nil {
		http.NotFound(writer, request)
		return
	}
	if _, err := served.ReadAt(snapshot, make([]byte, 1), 0); err != nil {
		http.Error(writer, err.Error(), http.StatusNotFound)
		return
	}
	writer.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(writer, request, "", time.Time{}, disk.NewViewReader(served, snapshot))
}

func (d *datastoreHandler) serveFile(writer http.ResponseWriter, request *http.Request, name string) {
	file, err := os.Open(filepath.Join(d.simulation.Datastore.Directory(), name))
	if err != nil {
		http.NotFound(writer, request)
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.IsDir() {
		http.NotFound(writer, request)
		return
	}
	writer.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(writer, request, path.Base(name), time.Time{}, file)
}

// loggedIn accepts the cookie of a session, or the username and password themselves.
func (d *datastoreHandler) loggedIn(request *http.Request) bool {
	if username, password, ok := request.BasicAuth(); ok {
		return d.credentials.valid(&types.Login{UserName: username, Password: password})
	}
	cookie, err := request.Cookie(soap.SessionCookieName)
	if err != nil {
		return false
	}
	for _, username := range d.credentials.usernames() {
		if d.simulation.Sessions.IsActive(cookie.Value, username) {
			return true
		}
	}
	return false
}
