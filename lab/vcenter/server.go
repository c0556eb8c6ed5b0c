// An HTTP server with its listener: vCenter's over TLS, and the control port's without.

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

const shutdownTimeout = 500 * time.Millisecond

// server is a listener with its HTTP server.
type server struct {
	listener net.Listener
	http     *http.Server
}

// startServer listens and serves until stop. It uses TLS if it receives a certificate.
func startServer(address string, handler http.Handler, certificates ...tls.Certificate) (*server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	started := &server{listener: listener, http: &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // tests include clients that do not trust the certificate
	}}
	if len(certificates) > 0 {
		started.listener = tls.NewListener(listener, &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12})
	}
	go func() {
		if err := started.http.Serve(started.listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			log.Printf("server: %v", err)
		}
	}()
	return started, nil
}

// port returns the port on which the server listens.
func (s *server) port() int {
	address, ok := s.listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0
	}
	return address.Port
}

// stop gives running requests a short time to end and then closes their connections, because a client may wait for
// updates for a long time.
func (s *server) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close()
	}
}
