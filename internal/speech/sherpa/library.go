// Package sherpa runs sherpa-onnx's speech models from Go. It loads the project's C library at run time, so that
// building needs no C++ and no header.
//
// Call [Open] once with the folder that holds the speech pack's libraries, and keep the [Library] for as long as the
// process lives: recognizers and synthesizers are created on it, and each of those has a Close that frees its native
// memory. The library itself is never unloaded, because ONNX Runtime keeps threads and static state that do not
// survive it.
//
// The C functions trust their arguments. A model folder with missing metadata can end the whole process from inside
// C++, which no recover can catch: give only folders that were verified at installation, or that their owner named
// in the configuration.
package sherpa

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/ebitengine/purego"
)

// Version is the only version of sherpa-onnx that [Open] accepts: the structures in this package mirror the C API of
// exactly that version (c-api.h), and another one may have moved their fields.
const Version = "1.13.8"

// Names of the two libraries in the speech pack's folder. The first finds the second beside itself.
const (
	LibraryFile     = "libsherpa-onnx-c-api.so"
	ONNXRuntimeFile = "libonnxruntime.so"
)

// Library is the loaded C library. It is safe for concurrent use.
type Library struct {
	handle uintptr
	dir    string
}

// Open loads the library from dir. The error says whether the folder holds no library, one that can't be loaded
// here, or one of another version than [Version]. Opening the same folder twice gives the same library.
func Open(dir string) (*Library, error) {
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		return nil, fmt.Errorf("sherpa-onnx can't be used on %s: its structures are known for amd64 and arm64 only", runtime.GOARCH)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("sherpa-onnx: %w", err)
	}
	path := filepath.Join(dir, LibraryFile)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("sherpa-onnx is not installed: %w", err)
	}
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load sherpa-onnx: %w", err)
	}
	l := &Library{handle: handle, dir: dir}
	var version func() string
	if err := l.bind(&version, "SherpaOnnxGetVersionStr"); err != nil {
		return nil, err
	}
	if v := version(); v != Version {
		return nil, fmt.Errorf("%s is sherpa-onnx %s, but %s is needed: install the speech pack again", path, v, Version)
	}
	return l, nil
}

// ONNXRuntime is the path of the ONNX Runtime library that belongs to this one. Whoever runs other ONNX models in
// this process must load this file and no second copy.
func (l *Library) ONNXRuntime() string { return filepath.Join(l.dir, ONNXRuntimeFile) }

// bind sets *fn, a pointer to a Go function, to the C function of that name. purego gives the rules by which types
// translate; nothing checks the signature.
func (l *Library) bind(fn any, symbol string) error {
	address, err := purego.Dlsym(l.handle, symbol)
	if err != nil {
		return fmt.Errorf("sherpa-onnx lacks %s: %w", symbol, err)
	}
	purego.RegisterFunc(fn, address)
	return nil
}

// bindAll binds every function of the map, keyed by the name of the C function.
func (l *Library) bindAll(functions map[string]any) error {
	for symbol, fn := range functions {
		if err := l.bind(fn, symbol); err != nil {
			return err
		}
	}
	return nil
}

// cstring copies s into a NUL-terminated C string in Go memory; nil, which the C API takes as "not set", for "".
// The collector does not move it; a structure that holds the pointer keeps it alive, so the structure itself must be
// kept alive over the call that reads it.
func cstring(s string) *byte {
	if s == "" {
		return nil
	}
	b := make([]byte, len(s)+1)
	copy(b, s)
	return &b[0]
}
