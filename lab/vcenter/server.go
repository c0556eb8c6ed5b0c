// The two listeners: vCenter's over TLS, and the plain one for control.

package main

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

const (
	singleSignOnDomain = "vsphere.local"
	shutdownPatience   = 500 * time.Millisecond
)

// usernames are the spellings under which the one user may log in.
func (l *Lab) usernames() []string {
	names := []string{l.config.Username}
	if !strings.Contains(l.config.Username, "@") {
		names = append(names, l.config.Username+"@"+singleSignOnDomain)
	}
	return names
}

func (l *Lab) validLogin(login *types.Login) bool {
	if subtle.ConstantTimeCompare([]byte(login.Password), []byte(l.config.Password)) != 1 {
		return false
	}
	for _, name := range l.usernames() {
		if login.UserName == name {
			return true
		}
	}
	return false
}

// Server is a listener with its HTTP server.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// startServer listens and serves until Stop, over TLS when it is given a certificate.
func startServer(address string, handler http.Handler, certificates ...tls.Certificate) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	server := &Server{listener: listener, http: &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // clients that distrust the certificate are what tests do
	}}
	if len(certificates) > 0 {
		server.listener = tls.NewListener(listener, &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12})
	}
	go func() {
		if err := server.http.Serve(server.listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			log.Printf("server: %v", err)
		}
	}()
	return server, nil
}

// Port is the port that was chosen.
func (s *Server) Port() int {
	address, ok := s.listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0
	}
	return address.Port
}

// Stop lets running requests end for a moment, then cuts them: a client may wait for updates for a long time.
func (s *Server) Stop() {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownPatience)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close()
	}
}

// vcenterHandler joins the simulator's handlers with the lab's own.
func (l *Lab) vcenterHandler() http.Handler {
	service := l.model.Service
	service.Listen = &url.URL{User: url.UserPassword(l.config.Username, l.config.Password)}
	l.registry.SessionManager().ValidLogin = l.validLogin
	service.ServeMux = http.NewServeMux()
	service.RegisterSDK(l.registry, l.registry.Path+"/vimService")
	mux := http.NewServeMux()
	mux.HandleFunc(l.registry.Path, l.serveSOAP(service.ServeSDK))
	mux.HandleFunc(l.registry.Path+"/vimService", l.serveSOAP(service.ServeSDK))
	mux.HandleFunc(l.registry.Path+"/vimServiceVersions.xml", service.ServiceVersions)
	mux.HandleFunc(folderPrefix, l.serveFiles(l.serveDatastore))
	l.serveREST(mux)
	return mux
}
