// The control port: what tests and the rest of the lab ask of the simulation itself, as JSON over plain HTTP.

package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// machineView is a VM as GET /vms shows it.
type machineView struct {
	Name            string     `json:"name"`
	MOID            string     `json:"moid"`
	UUID            string     `json:"uuid"`
	BIOSUUID        string     `json:"bios_uuid"`
	PowerState      string     `json:"power_state"`
	Service         string     `json:"service"`
	HardwareVersion string     `json:"hardware_version"`
	Template        bool       `json:"template"`
	Snapshots       []string   `json:"snapshots"`
	IP              string     `json:"ip"`
	Hostname        string     `json:"hostname"`
	GuestOS         string     `json:"guest_os"`
	BootMode        string     `json:"boot_mode"`
	Disks           []diskView `json:"disks"`
}

// diskView is a disk as GET /vms shows it.
type diskView struct {
	Key      int32  `json:"key"`
	Label    string `json:"label"`
	Address  string `json:"address"`
	Size     int64  `json:"size"`
	File     string `json:"file"`
	FlatFile string `json:"flat_file"`
	Backing  string `json:"backing"`
	Mode     string `json:"mode"`
	Tracked  bool   `json:"tracked"`
}

func (l *Lab) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /requests", func(writer http.ResponseWriter, _ *http.Request) {
		writeJSON(writer, http.StatusOK, l.requests.List())
	})
	mux.HandleFunc("DELETE /requests", func(writer http.ResponseWriter, _ *http.Request) {
		l.requests.Reset()
		writer.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /vms", l.listMachines)
	mux.HandleFunc("GET /vms/{name}", l.showMachine)
	mux.HandleFunc("GET /vms/{name}/disks", l.hashDisks)
	mux.HandleFunc("POST /vms/{name}/guest", l.setService)
	mux.HandleFunc("POST /vms/{name}/tracking/reset", l.resetTracking)
	mux.HandleFunc("GET /sessions", func(writer http.ResponseWriter, _ *http.Request) {
		writeJSON(writer, http.StatusOK, l.sessions())
	})
	mux.HandleFunc("DELETE /sessions", func(writer http.ResponseWriter, _ *http.Request) {
		l.endSessions()
		writer.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /privileges", l.denyPrivileges)
	mux.HandleFunc("DELETE /privileges", func(writer http.ResponseWriter, _ *http.Request) {
		l.privileges.Reset()
		writer.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /faults", l.addFaults)
	mux.HandleFunc("DELETE /faults", func(writer http.ResponseWriter, _ *http.Request) {
		l.faults.Reset()
		writer.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func writeJSON(writer http.ResponseWriter, status int, value any) {
	writer.Header().Set("Content-Type", "application/json")
	writer.WriteHeader(status)
	_ = json.NewEncoder(writer).Encode(value)
}

func writeProblem(writer http.ResponseWriter, status int, err error) {
	writeJSON(writer, status, map[string]string{"error": err.Error()})
}

func (l *Lab) listMachines(writer http.ResponseWriter, _ *http.Request) {
	views := []machineView{}
	for _, vm := range l.allVMs() {
		views = append(views, l.describe(vm))
	}
	writeJSON(writer, http.StatusOK, views)
}

// find answers with 404 itself when there is no VM of the name in the path.
func (l *Lab) find(writer http.ResponseWriter, request *http.Request) *simulator.VirtualMachine {
	name := request.PathValue("name")
	for _, vm := range l.allVMs() {
		if l.describe(vm).Name == name {
			return vm
		}
	}
	writeProblem(writer, http.StatusNotFound, fmt.Errorf("there is no VM %s", name))
	return nil
}

func (l *Lab) showMachine(writer http.ResponseWriter, request *http.Request) {
	if vm := l.find(writer, request); vm != nil {
		writeJSON(writer, http.StatusOK, l.describe(vm))
	}
}

func (l *Lab) hashDisks(writer http.ResponseWriter, request *http.Request) {
	vm := l.find(writer, request)
	if vm == nil {
		return
	}
	hashes, err := l.machine(vm.Self).Hashes()
	if err != nil {
		writeProblem(writer, http.StatusInternalServerError, err)
		return
	}
	writeJSON(writer, http.StatusOK, hashes)
}

func (l *Lab) setService(writer http.ResponseWriter, request *http.Request) {
	var wanted struct {
		Service string `json:"service"`
	}
	vm := l.find(writer, request)
	if vm == nil {
		return
	}
	if err := json.NewDecoder(request.Body).Decode(&wanted); err != nil || (wanted.Service != "running" && wanted.Service != "stopped") {
		writeProblem(writer, http.StatusBadRequest, fmt.Errorf(`the body must be {"service": "running"} or {"service": "stopped"}`))
		return
	}
	l.machine(vm.Self).SetService(wanted.Service == "running")
	writeJSON(writer, http.StatusOK, wanted)
}

// resetTracking begins the tracking of all disks anew, as ESXi does after a crash: no change id from before is valid.
func (l *Lab) resetTracking(writer http.ResponseWriter, request *http.Request) {
	vm := l.find(writer, request)
	if vm == nil {
		return
	}
	l.registry.WithLock(l.context(), vm, func() {
		machine := l.machine(vm.Self)
		machine.ResetTracking()
		l.showTracking(l.context(), vm, machine)
	})
	writer.WriteHeader(http.StatusNoContent)
}

func (l *Lab) denyPrivileges(writer http.ResponseWriter, request *http.Request) {
	var denial Denial
	if err := json.NewDecoder(request.Body).Decode(&denial); err != nil {
		writeProblem(writer, http.StatusBadRequest, err)
		return
	}
	l.privileges.Deny(denial)
	writeJSON(writer, http.StatusCreated, denial)
}

// addFaults takes one rule or a list of them.
func (l *Lab) addFaults(writer http.ResponseWriter, request *http.Request) {
	var body json.RawMessage
	if err := json.NewDecoder(request.Body).Decode(&body); err != nil {
		writeProblem(writer, http.StatusBadRequest, err)
		return
	}
	var rules []Rule
	if err := json.Unmarshal(body, &rules); err != nil {
		rules = make([]Rule, 1)
		if err := json.Unmarshal(body, &rules[0]); err != nil {
			writeProblem(writer, http.StatusBadRequest, err)
			return
		}
	}
	for _, rule := range rules {
		if err := l.faults.Add(rule); err != nil {
			writeProblem(writer, http.StatusBadRequest, err)
			return
		}
	}
	writeJSON(writer, http.StatusCreated, rules)
}

func (l *Lab) describe(vm *simulator.VirtualMachine) machineView {
	var view machineView
	l.registry.WithLock(l.context(), vm, func() {
		view = machineView{
			Name: vm.Name, MOID: vm.Self.Value, UUID: vm.Config.InstanceUuid, BIOSUUID: vm.Config.Uuid,
			PowerState: string(vm.Runtime.PowerState), HardwareVersion: vm.Config.Version, Template: vm.Config.Template,
			Snapshots: []string{}, IP: vm.Guest.IpAddress, Hostname: vm.Guest.HostName, GuestOS: vm.Config.GuestId,
			BootMode: vm.Config.Firmware, Service: "stopped", Disks: []diskView{},
		}
		if vm.Snapshot != nil {
			view.Snapshots = snapshotNames(vm.Snapshot.RootSnapshotList)
		}
		tracked := map[int32]string{}
		if machine := l.machine(vm.Self); machine != nil {
			tracked = machine.ChangeIDs()
			if machine.ServiceRunning() {
				view.Service = "running"
			}
		}
		for _, disk := range disksOf(vm.Config) {
			_, isTracked := tracked[disk.Key]
			view.Disks = append(view.Disks, describeDisk(vm.Config.Hardware.Device, disk, isTracked))
		}
	})
	return view
}

func describeDisk(devices object.VirtualDeviceList, disk *types.VirtualDisk, tracked bool) diskView {
	view := diskView{
		Key: disk.Key, Address: diskAddress(devices, disk), Size: disk.CapacityInBytes, File: fileOf(disk), Tracked: tracked,
	}
	if disk.DeviceInfo != nil {
		view.Label = disk.DeviceInfo.GetDescription().Label
	}
	view.FlatFile, _ = flatFile(view.File)
	switch backing := disk.Backing.(type) {
	case *types.VirtualDiskFlatVer2BackingInfo:
		view.Backing, view.Mode = "flat", backing.DiskMode
	case *types.VirtualDiskLocalPMemBackingInfo:
		view.Backing, view.Mode = "pmem", backing.DiskMode
	case *types.VirtualDiskRawDiskMappingVer1BackingInfo:
		view.Backing, view.Mode = "rdm:"+backing.CompatibilityMode, backing.DiskMode
	default:
		view.Backing = "other"
	}
	return view
}

func snapshotNames(trees []types.VirtualMachineSnapshotTree) []string {
	names := []string{}
	for _, tree := range trees {
		names = append(names, tree.Name)
		names = append(names, snapshotNames(tree.ChildSnapshotList)...)
	}
	return names
}
