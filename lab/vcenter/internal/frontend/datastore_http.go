// The datastore over HTTP: files and parts of files, for whoever is logged in.

package main

import (
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const folderPrefix = "/folder/"

// serveDatastore answers GET and HEAD; other methods are the simulator's.
func (l *Lab) serveDatastore(writer http.ResponseWriter, request *http.Request) {
	query := request.URL.Query()
	name := strings.TrimPrefix(request.URL.Path, folderPrefix)
	switch {
	case !l.loggedIn(request):
		writer.Header().Set("WWW-Authenticate", `Basic realm="VMware HTTP server"`)
		http.Error(writer, "a session is needed", http.StatusUnauthorized)
	case strings.TrimPrefix(query.Get("dcPath"), "/") != datacenterName || query.Get("dsName") != datastoreName:
		http.Error(writer, "there is no such datacenter or datastore", http.StatusNotFound)
	case name == "" || !filepath.IsLocal(name):
		http.Error(writer, "the path is not one of a file", http.StatusBadRequest)
	case request.Method != http.MethodGet && request.Method != http.MethodHead:
		l.model.Service.ServeDatastore(writer, request)
	case query.Get("snapshot") != "":
		l.serveView(writer, request, name, query.Get("snapshot"))
	default:
		l.serveFile(writer, request, name)
	}
}

// serveView serves what a snapshot froze. This parameter is the lab's own: a real reader uses VDDK for that.
func (l *Lab) serveView(writer http.ResponseWriter, request *http.Request, name, snapshot string) {
	disk := l.diskByFile(name)
	if disk == nil {
		http.NotFound(writer, request)
		return
	}
	reader := newViewReader(disk, snapshot)
	if _, err := disk.ReadAt(snapshot, make([]byte, 1), 0); err != nil {
		http.Error(writer, err.Error(), http.StatusNotFound)
		return
	}
	writer.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(writer, request, "", time.Time{}, reader)
}

func (l *Lab) serveFile(writer http.ResponseWriter, request *http.Request, name string) {
	file, err := os.Open(filepath.Join(l.datastoreDirectory(), name))
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

// loggedIn accepts a session's cookie, or the user and password themselves.
func (l *Lab) loggedIn(request *http.Request) bool {
	if username, password, ok := request.BasicAuth(); ok {
		return l.validLogin(&types.Login{UserName: username, Password: password})
	}
	cookie, err := request.Cookie(soap.SessionCookieName)
	if err != nil {
		return false
	}
	ctx := l.context()
	for _, username := range l.usernames() {
		query := &types.SessionIsActive{SessionID: cookie.Value, UserName: username}
		answer, ok := l.registry.SessionManager().SessionIsActive(ctx, query).(*methods.SessionIsActiveBody)
		if ok && answer.Res != nil && answer.Res.Returnval {
			return true
		}
	}
	return false
}
