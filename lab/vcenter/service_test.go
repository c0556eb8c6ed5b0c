// Tests of the complete service over TLS with govmomi's client: the calls that a replication and the collection make.

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"cutover.smc/lab/vcenter/internal/control"
	"cutover.smc/lab/vcenter/internal/disk"
	"cutover.smc/lab/vcenter/internal/frontend"
	"cutover.smc/lab/vcenter/internal/machine"
	"cutover.smc/lab/vcenter/internal/sim"
)

const (
	testUser     = "administrator"
	testPassword = "correct horse"

	firstDiskKey = 2000 // the device key of each VM's first disk
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // the simulator logs files that already exist
	os.Exit(m.Run())
}

// client is a logged-in user of a running service.
type client struct {
	*govmomi.Client
	t       *testing.T
	service *service
	browser http.Client
}

func testConfig(t *testing.T) Config {
	t.Helper()
	config := defaultConfig()
	config.Directory = t.TempDir()
	config.VMCount = 3
	config.Username, config.Password = testUser, testPassword
	config.GuestIntervalMS = 5
	config.AreasPerPage = 3
	config.TLSCertificate, config.TLSKey = writeCertificate(t)
	must(t, config.check())
	return config
}

func writeCertificate(t *testing.T) (string, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	certificatePath, keyPath := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	must(t, os.WriteFile(certificatePath, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), 0o600))
	must(t, os.WriteFile(keyPath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	return certificatePath, keyPath
}

// serve starts a service and logs in. The simulator has process-wide state, so tests do not run in parallel.
func serve(t *testing.T, change func(*Config)) *client {
	t.Helper()
	config := testConfig(t)
	t.Setenv("TMPDIR", os.TempDir()) // the service sets TMPDIR; this restores it after the test
	if change != nil {
		change(&config)
	}
	running, err := startService(context.Background(), config)
	must(t, err)
	t.Cleanup(running.stop)
	logged, err := login(running, testUser, testPassword)
	must(t, err)
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{Client: logged, t: t, service: running, browser: http.Client{Transport: transport}}
}

func login(running *service, username, password string) (*govmomi.Client, error) {
	address := &url.URL{Scheme: "https", Host: fmt.Sprintf("127.0.0.1:%d", running.vcenter.port()), Path: "/sdk", User: url.UserPassword(username, password)}
	return govmomi.NewClient(context.Background(), address, true)
}

// machine returns the machine behind a VM.
func (c *client) machine(vm *object.VirtualMachine) *machine.Machine {
	return c.service.simulation.Machines.Get(vm.Reference())
}

func (c *client) vm(name string) *object.VirtualMachine {
	c.t.Helper()
	finder := find.NewFinder(c.Client.Client, false)
	datacenter, err := finder.Datacenter(context.Background(), sim.DatacenterName)
	must(c.t, err)
	vm, err := finder.SetDatacenter(datacenter).VirtualMachine(context.Background(), name)
	must(c.t, err)
	return vm
}

func (c *client) read(vm *object.VirtualMachine) mo.VirtualMachine {
	c.t.Helper()
	var read mo.VirtualMachine
	collector := property.DefaultCollector(c.Client.Client)
	must(c.t, collector.RetrieveOne(context.Background(), vm.Reference(), []string{"config", "layoutEx", "runtime", "capability", "guest", "snapshot"}, &read))
	return read
}

func (c *client) ctkFiles(vm *object.VirtualMachine) int {
	c.t.Helper()
	count := 0
	for _, file := range c.read(vm).LayoutEx.File {
		if strings.HasSuffix(file.Name, "-ctk.vmdk") {
			count++
		}
	}
	return count
}

func (c *client) trackingShown(vm *object.VirtualMachine) bool {
	c.t.Helper()
	shown := c.read(vm).Config.ChangeTrackingEnabled
	return shown != nil && *shown
}

func (c *client) await(task *object.Task, err error) *types.TaskInfo {
	c.t.Helper()
	must(c.t, err)
	info, err := task.WaitForResult(context.Background())
	must(c.t, err)
	return info
}

func (c *client) reconfigure(vm *object.VirtualMachine, spec types.VirtualMachineConfigSpec) {
	c.t.Helper()
	task, err := vm.Reconfigure(context.Background(), spec)
	c.await(task, err)
}

func (c *client) snapshot(vm *object.VirtualMachine, name string) types.ManagedObjectReference {
	c.t.Helper()
	task, err := vm.CreateSnapshot(context.Background(), name, "", false, false)
	ref, ok := c.await(task, err).Result.(types.ManagedObjectReference)
	if !ok {
		c.t.Fatal("the task has no snapshot")
	}
	return ref
}

func (c *client) removeSnapshot(vm *object.VirtualMachine, ref types.ManagedObjectReference) {
	c.t.Helper()
	task, err := vm.RemoveSnapshot(context.Background(), ref.Value, false, nil)
	c.await(task, err)
}

func (c *client) snapshotDisks(ref types.ManagedObjectReference) []*types.VirtualDisk {
	c.t.Helper()
	var read mo.VirtualMachineSnapshot
	must(c.t, property.DefaultCollector(c.Client.Client).RetrieveOne(context.Background(), ref, []string{"config"}, &read))
	return machine.VirtualDisks(&read.Config)
}

// changedAreas follows all pages.
func (c *client) changedAreas(vm *object.VirtualMachine, snapshot types.ManagedObjectReference, disk *types.VirtualDisk, changeID string) []types.DiskChangeExtent {
	c.t.Helper()
	var areas []types.DiskChangeExtent
	for offset := int64(0); offset < disk.CapacityInBytes; {
		request := types.QueryChangedDiskAreas{This: vm.Reference(), Snapshot: &snapshot, DeviceKey: disk.Key, StartOffset: offset, ChangeId: changeID}
		response, err := methods.QueryChangedDiskAreas(context.Background(), c.Client.Client, &request)
		must(c.t, err)
		areas = append(areas, response.Returnval.ChangedArea...)
		offset = response.Returnval.StartOffset + response.Returnval.Length
	}
	return areas
}

// folder requests a file of the datastore, or a part of it, over HTTP.
func (c *client) folder(flat, snapshot string, area *types.DiskChangeExtent, loggedIn bool) *http.Response {
	c.t.Helper()
	query := url.Values{"dcPath": {sim.DatacenterName}, "dsName": {sim.DatastoreName}}
	if snapshot != "" {
		query.Set("snapshot", snapshot)
	}
	address := url.URL{Scheme: "https", Host: c.URL().Host, Path: "/folder/" + flat, RawQuery: query.Encode()}
	request, err := http.NewRequest(http.MethodGet, address.String(), nil)
	must(c.t, err)
	if area != nil {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", area.Start, area.Start+area.Length-1))
	}
	browser := c.browser
	if loggedIn {
		browser.Jar = c.Jar
	}
	response, err := browser.Do(request)
	must(c.t, err)
	c.t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func (c *client) control(method, path, body string, answer any) int {
	c.t.Helper()
	address := fmt.Sprintf("http://127.0.0.1:%d%s", c.service.control.port(), path)
	request, err := http.NewRequest(method, address, strings.NewReader(body))
	must(c.t, err)
	response, err := http.DefaultClient.Do(request)
	must(c.t, err)
	defer response.Body.Close()
	if answer != nil {
		must(c.t, json.NewDecoder(response.Body).Decode(answer))
	}
	return response.StatusCode
}

// replica is a replication's copy of one disk.
type replica struct {
	content  []byte
	changeID string
}

// replicate takes a snapshot and copies the areas that changed to the replicas. It returns the number of bytes copied.
func (c *client) replicate(vm *object.VirtualMachine, replicas map[int32]*replica) int64 {
	c.t.Helper()
	snapshot := c.snapshot(vm, "smc")
	sent := int64(0)
	for _, disk := range c.snapshotDisks(snapshot) {
		copied := replicas[disk.Key]
		if copied == nil {
			copied = &replica{content: make([]byte, disk.CapacityInBytes), changeID: "*"}
			replicas[disk.Key] = copied
		}
		flat, _ := sim.FlatFile(machine.BackingFile(disk))
		for _, area := range c.changedAreas(vm, snapshot, disk, copied.changeID) {
			response := c.folder(flat, snapshot.Value, &area, true)
			if response.StatusCode != http.StatusPartialContent {
				c.t.Fatalf("%s: %s", flat, response.Status)
			}
			count, err := io.ReadFull(response.Body, copied.content[area.Start:area.Start+area.Length])
			_ = response.Body.Close()
			must(c.t, err)
			sent += int64(count)
		}
		copied.changeID = disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo).ChangeId
	}
	c.removeSnapshot(vm, snapshot)
	return sent
}

func TestReplicationOfRunningVMEndsWithEqualDisks(t *testing.T) {
	c := serve(t, func(config *Config) { config.GuestIntervalMS = 20 })
	vm := c.vm("app-03")
	c.reconfigure(vm, types.VirtualMachineConfigSpec{ChangeTrackingEnabled: types.NewBool(true)})
	replicas := map[int32]*replica{}
	if c.replicate(vm, replicas) == 0 {
		t.Error("the first run sent nothing")
	}
	if status := c.control(http.MethodPost, "/vms/app-03/guest", `{"service": "stopped"}`, nil); status != http.StatusOK {
		t.Fatalf("stopping the service: %d", status)
	}
	c.replicate(vm, replicas)
	written := c.machine(vm)
	written.SetService(true)
	for _, block := range []int64{100, 7, 300} {
		must(t, written.GuestWrite(func([]int64) (int, int64, []byte) { return 0, block * disk.BlockSize, []byte("data") }))
	}
	written.SetService(false)
	sent, afterwards := c.replicate(vm, replicas), c.replicate(vm, replicas)
	if extra := sent % disk.BlockSize; sent < 3*disk.BlockSize || extra != 0 || afterwards != 0 {
		t.Errorf("three blocks were written: %d bytes were sent, then %d", sent, afterwards)
	}
	var present []machine.DiskHash
	c.control(http.MethodGet, "/vms/app-03/disks", "", &present)
	if len(present) != 2 || len(replicas) != 2 {
		t.Fatalf("%d disks, %d replicas", len(present), len(replicas))
	}
	for _, hash := range present {
		digest := sha256.Sum256(replicas[hash.Key].content)
		if hex.EncodeToString(digest[:]) != hash.SHA256 || int64(len(replicas[hash.Key].content)) != hash.Size {
			t.Errorf("disk %d: the replica differs", hash.Key)
		}
	}
}

func TestAdvancedSettingsTakeEffectAtPowerOn(t *testing.T) {
	c := serve(t, nil)
	vm := c.vm("app-02")
	ctx := context.Background()
	settings := []types.BaseOptionValue{
		&types.OptionValue{Key: "ctkEnabled", Value: "TRUE"},
		&types.OptionValue{Key: "SCSI0:0.ctkEnabled", Value: "TRUE"},
		&types.OptionValue{Key: "scsi0:1.ctkEnabled", Value: "TRUE"},
	}
	task, err := vm.PowerOff(ctx)
	c.await(task, err)
	c.reconfigure(vm, types.VirtualMachineConfigSpec{ExtraConfig: settings})
	if c.trackingShown(vm) || c.ctkFiles(vm) != 0 {
		t.Error("the settings took effect while the VM was powered off")
	}
	task, err = vm.PowerOn(ctx)
	c.await(task, err)
	if !c.trackingShown(vm) || c.ctkFiles(vm) != 2 {
		t.Errorf("after power-on: shown %v, %d files", c.trackingShown(vm), c.ctkFiles(vm))
	}
}

func TestChangeTrackingEnabledTakesEffectAtStun(t *testing.T) {
	for _, mode := range []sim.ReadBack{sim.ReadBackAtOnce, sim.ReadBackAfterStun} {
		t.Run(string(mode), func(t *testing.T) {
			c := serve(t, func(config *Config) { config.ReadBack = mode })
			vm := c.vm("app-01")
			enable := types.VirtualMachineConfigSpec{ChangeTrackingEnabled: types.NewBool(true)}
			c.reconfigure(vm, enable)
			if c.ctkFiles(vm) != 0 || c.trackingShown(vm) != (mode == sim.ReadBackAtOnce) {
				t.Errorf("before the stun: shown %v, %d files", c.trackingShown(vm), c.ctkFiles(vm))
			}
			c.removeSnapshot(vm, c.snapshot(vm, "stun"))
			if c.ctkFiles(vm) != 1 || !c.trackingShown(vm) {
				t.Errorf("after the stun: shown %v, %d files", c.trackingShown(vm), c.ctkFiles(vm))
			}
			task, err := vm.PowerOff(context.Background())
			c.await(task, err)
			c.reconfigure(vm, types.VirtualMachineConfigSpec{ChangeTrackingEnabled: types.NewBool(false)})
			if c.ctkFiles(vm) != 0 || c.trackingShown(vm) {
				t.Error("disabling did not take effect immediately on a VM that is powered off")
			}
		})
	}
}

func faultOf(err error) any {
	if soap.IsSoapFault(err) {
		return soap.ToSoapFault(err).VimFault()
	}
	var task interface{ Fault() types.BaseMethodFault }
	if found, ok := err.(interface{ Fault() types.BaseMethodFault }); ok {
		task = found
		return task.Fault()
	}
	return err
}

func (c *client) failure(vm *object.VirtualMachine, spec types.VirtualMachineConfigSpec) any {
	c.t.Helper()
	task, err := vm.Reconfigure(context.Background(), spec)
	if err != nil {
		return faultOf(err)
	}
	return faultOf(task.Wait(context.Background()))
}

func TestRejectedCalls(t *testing.T) {
	tools := false
	c := serve(t, func(config *Config) {
		config.Overrides = map[string]sim.Override{"app-01": {HardwareVersion: 6, Tools: &tools}, "app-02": {Snapshot: "before-upgrade"}}
	})
	enable := types.VirtualMachineConfigSpec{ChangeTrackingEnabled: types.NewBool(true)}
	old := c.vm("app-01")
	if supported := c.read(old).Capability.ChangeTrackingSupported; supported {
		t.Error("hardware version 6 reports that it can track changes")
	}
	if _, ok := c.failure(old, enable).(*types.NotSupported); !ok {
		t.Errorf("enabling on hardware version 6: %T", c.failure(old, enable))
	}
	if err := old.ShutdownGuest(context.Background()); err == nil {
		t.Error("a guest without tools shut down")
	} else if _, ok := faultOf(err).(types.ToolsUnavailable); !ok {
		t.Errorf("shutting down a guest without tools: %T", faultOf(err))
	}
	stale := types.VirtualMachineConfigSpec{ChangeVersion: "1", Annotation: "late"}
	if _, ok := c.failure(old, stale).(*types.ConcurrentAccess); !ok {
		t.Errorf("an outdated changeVersion: %T", c.failure(old, stale))
	}
	tainted := c.vm("app-02")
	c.reconfigure(tainted, enable)
	snapshot := c.snapshot(tainted, "second")
	request := types.QueryChangedDiskAreas{This: tainted.Reference(), Snapshot: &snapshot, DeviceKey: firstDiskKey, ChangeId: "*"}
	_, err := methods.QueryChangedDiskAreas(context.Background(), c.Client.Client, &request)
	if _, ok := faultOf(err).(types.FileFault); !ok {
		t.Errorf("changes of a VM that had a snapshot when tracking began: %T", faultOf(err))
	}
}

func TestOnlyTheConfiguredUserMayLogIn(t *testing.T) {
	c := serve(t, nil)
	for user, password := range map[string]string{testUser: "wrong", "root": testPassword, testUser + "@elsewhere": testPassword} {
		if _, err := login(c.service, user, password); err == nil {
			t.Errorf("%s with %q logged in", user, password)
		} else if _, ok := faultOf(err).(types.InvalidLogin); !ok {
			t.Errorf("%s: %v", user, err)
		}
	}
	if _, err := login(c.service, testUser+"@vsphere.local", testPassword); err != nil {
		t.Errorf("with the domain: %v", err)
	}
	if response := c.folder("app-01/disk1-flat.vmdk", "", nil, false); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a file without a session: %s", response.Status)
	}
	if response := c.folder("../config.json", "", nil, true); response.StatusCode == http.StatusOK {
		t.Errorf("a file outside the datastore: %s", response.Status)
	}
	must(t, c.Logout(context.Background()))
	if response := c.folder("app-01/disk1-flat.vmdk", "", nil, true); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a file after logout: %s", response.Status)
	}
}

func TestRequestsAreCountedExceptTheLabsOwn(t *testing.T) {
	c := serve(t, nil)
	c.control(http.MethodDelete, "/requests", "", nil)
	vm := c.vm("app-01")
	c.reconfigure(vm, types.VirtualMachineConfigSpec{Annotation: "one"})
	c.folder("app-01/disk1.vmdk", "", nil, true)
	c.UserAgent = frontend.LabUserAgent + "-replication"
	c.reconfigure(vm, types.VirtualMachineConfigSpec{Annotation: "two"})
	var list []frontend.RequestCount
	c.control(http.MethodGet, "/requests", "", &list)
	counted := map[string]frontend.RequestCount{}
	for _, entry := range list {
		counted[entry.Action] = entry
		if entry.Mutating != (entry.Action == "ReconfigVM_Task") {
			t.Errorf("%+v", entry)
		}
	}
	if counted["ReconfigVM_Task"].Count != 1 || counted["HTTP GET /folder"].Count != 1 {
		t.Errorf("counted %v", counted)
	}
}

func TestFaultRules(t *testing.T) {
	c := serve(t, nil)
	vm := c.vm("app-01")
	spec := types.VirtualMachineConfigSpec{Annotation: "x"}
	add := func(rule string) {
		t.Helper()
		if status := c.control(http.MethodPost, "/faults", rule, nil); status != http.StatusCreated {
			t.Fatalf("%s: %d", rule, status)
		}
	}
	add(`{"target": "vcenter", "method": "ReconfigVM_Task", "object": "app-01", "fault": "NoPermission", "skip": 1}`)
	c.reconfigure(vm, spec)
	c.reconfigure(c.vm("app-02"), spec)
	if _, ok := c.failure(vm, spec).(types.NoPermission); !ok {
		t.Error("no NoPermission at the second call")
	}
	c.reconfigure(vm, spec)
	add(`{"target": "vcenter", "method": "ReconfigVM_Task", "object": "*", "fault": "TaskInProgress", "task": true}`)
	if _, ok := c.failure(vm, spec).(*types.TaskInProgress); !ok {
		t.Error("the task did not fail")
	}
	snapshot := c.snapshot(vm, "kept")
	add(`{"target": "vcenter", "method": "RemoveSnapshot_Task", "object": "app-01", "fault": "SnapshotFault", "task": true}`)
	removal, err := vm.RemoveSnapshot(context.Background(), snapshot.Value, false, nil)
	must(t, err)
	if _, ok := faultOf(removal.Wait(context.Background())).(*types.SnapshotFault); !ok || c.read(vm).Snapshot == nil {
		t.Error("the removal did not fail, or the snapshot was removed")
	}
	add(`{"target": "vcenter", "method": "ReconfigVM_Task", "fault": "DisconnectAfter"}`)
	if _, err := vm.Reconfigure(context.Background(), types.VirtualMachineConfigSpec{Annotation: "done"}); err == nil {
		t.Error("an answer arrived over a dropped connection")
	}
	add(`{"target": "vcenter", "method": "HTTP GET /folder", "object": "app-01", "fault": "HTTP 503"}`)
	if response := c.folder("app-01/disk1.vmdk", "", nil, true); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a file: %s", response.Status)
	}
	add(`{"target": "vcenter", "method": "ReconfigVM_Task", "fault": "InvalidState", "count": -1}`)
	c.control(http.MethodDelete, "/faults", "", nil)
	c.reconfigure(vm, spec)
	add(`{"target": "vcenter", "method": "ReconfigVM_Task", "fault": "InvalidState", "count": -1, "probability": 0.5}`)
	failed := 0
	for range 40 {
		if _, err := vm.Reconfigure(context.Background(), spec); err != nil {
			failed++
		}
	}
	if failed < 8 || failed > 32 {
		t.Errorf("%d of 40 calls failed", failed)
	}
	c.control(http.MethodDelete, "/faults", "", nil)
	add(`{"target": "vcenter", "method": "ReconfigVM_Task", "fault": "EndSession"}`)
	for range 2 {
		_, err := vm.Reconfigure(context.Background(), spec)
		if _, ok := faultOf(err).(types.NotAuthenticated); !ok {
			t.Errorf("after the end of the session: %v", err)
		}
	}
	for _, rule := range []string{`{"method": "X", "fault": "Disconnect", "probability": 2}`, `{"method": "X", "fault": "NoSuchFault"}`, `{"fault": "NoPermission"}`, `{"method": "Login", "fault": "InvalidState", "task": true}`, `[`} {
		if status := c.control(http.MethodPost, "/faults", rule, nil); status != http.StatusBadRequest {
			t.Errorf("%s: %d", rule, status)
		}
	}
}

func TestRevertRestoresDiskContent(t *testing.T) {
	c := serve(t, nil)
	vm := c.vm("app-01")
	hashes := func() string {
		var list []machine.DiskHash
		c.control(http.MethodGet, "/vms/app-01/disks", "", &list)
		return list[0].SHA256
	}
	c.control(http.MethodPost, "/vms/app-01/guest", `{"service": "stopped"}`, nil)
	snapshot := c.snapshot(vm, "good")
	before := hashes()
	written := c.machine(vm)
	written.SetService(true)
	must(t, written.GuestWrite(func([]int64) (int, int64, []byte) { return 0, 12345, []byte("damage") }))
	written.SetService(false)
	if hashes() == before {
		t.Fatal("nothing was written")
	}
	task, err := vm.RevertToSnapshot(context.Background(), snapshot.Value, true)
	c.await(task, err)
	if hashes() != before || c.read(vm).Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff {
		t.Error("the disk content was not restored, or the VM is still powered on")
	}
}

func TestRemovingParentOfCurrentSnapshot(t *testing.T) {
	c := serve(t, nil)
	vm := c.vm("app-02")
	first := c.snapshot(vm, "a")
	second := c.snapshot(vm, "b")
	task, err := vm.RevertToSnapshot(context.Background(), first.Value, true)
	c.await(task, err)
	third := c.snapshot(vm, "c")
	task, err = vm.RevertToSnapshot(context.Background(), first.Value, true)
	c.await(task, err)
	c.removeSnapshot(vm, first)
	if count := len(c.read(vm).Snapshot.RootSnapshotList); count != 2 {
		t.Errorf("%d snapshots remain", count)
	}
	c.removeSnapshot(vm, second)
	c.removeSnapshot(vm, third)
	if c.read(vm).Snapshot != nil {
		t.Error("a snapshot remains")
	}
	if known := c.machine(vm).Disks.Snapshots(); len(known) != 0 {
		t.Errorf("the disks still hold %v", known)
	}
}

func TestSimulationsWithSameSeedAreEqual(t *testing.T) {
	describe := func() string {
		c := serve(t, func(config *Config) { config.GuestIntervalMS = int(time.Hour.Milliseconds()) })
		var vms []control.VM
		c.control(http.MethodGet, "/vms", "", &vms)
		var answers bytes.Buffer
		must(t, json.NewEncoder(&answers).Encode(vms))
		for _, vm := range vms {
			var hashes []machine.DiskHash
			c.control(http.MethodGet, "/vms/"+vm.Name+"/disks", "", &hashes)
			must(t, json.NewEncoder(&answers).Encode(hashes))
		}
		return answers.String()
	}
	if first, second := describe(), describe(); first != second {
		t.Errorf("the two simulations differ:\n%s\n%s", first, second)
	}
}

func TestConcurrentClients(t *testing.T) {
	c := serve(t, func(config *Config) { config.GuestIntervalMS = 10 })
	var clients sync.WaitGroup
	for number := range 5 {
		vm := c.vm(sim.VMName(number % 3))
		clients.Go(func() {
			for round := range 3 {
				sendConcurrentCalls(c, vm, number, round)
			}
		})
	}
	clients.Wait()
	for _, name := range []string{"app-01", "app-02", "app-03"} {
		vm := c.vm(name)
		task, err := vm.RemoveAllSnapshot(context.Background(), nil)
		c.await(task, err)
		c.control(http.MethodPost, "/vms/"+name+"/guest", `{"service": "stopped"}`, nil)
		var hashes []machine.DiskHash
		c.control(http.MethodGet, "/vms/"+name+"/disks", "", &hashes)
		for index, hash := range hashes {
			response := c.folder(fmt.Sprintf("%s/disk%d-flat.vmdk", name, index+1), "", nil, true)
			digest := sha256.New()
			if _, err := io.Copy(digest, response.Body); err != nil || hex.EncodeToString(digest.Sum(nil)) != hash.SHA256 {
				t.Errorf("%s: the base file of disk %d does not hold the current content", name, hash.Key)
			}
		}
	}
}

// sendConcurrentCalls makes calls that several users may make to one VM at the same time. The calls may fail, but they must
// not break anything.
func sendConcurrentCalls(c *client, vm *object.VirtualMachine, number, round int) {
	ctx := context.Background()
	wait := func(task *object.Task, err error) {
		if err == nil {
			_ = task.Wait(ctx)
		}
	}
	wait(vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{ChangeTrackingEnabled: types.NewBool((number+round)%3 != 0)}))
	wait(vm.CreateSnapshot(ctx, fmt.Sprintf("s%d", number), "", false, false))
	request := types.QueryChangedDiskAreas{This: vm.Reference(), DeviceKey: firstDiskKey, ChangeId: "*"}
	_, _ = methods.QueryChangedDiskAreas(ctx, c.Client.Client, &request)
	wait(vm.PowerOff(ctx))
	wait(vm.PowerOn(ctx))
	if round%2 == 0 {
		wait(vm.RemoveSnapshot(ctx, fmt.Sprintf("s%d", number), false, nil))
	} else {
		wait(vm.RemoveAllSnapshot(ctx, nil))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
