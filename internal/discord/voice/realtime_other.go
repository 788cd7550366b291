//go:build !linux

package voice

// realTime does nothing: the thread is one of many.
func realTime() {}
