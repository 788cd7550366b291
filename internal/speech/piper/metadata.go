package piper

import (
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of ONNX's ModelProto and StringStringEntryProto (onnx.proto).
const (
	fieldGraph    = 7
	fieldMetadata = 14
	fieldKey      = 1
	fieldValue    = 2
)

// maxMetadata limits one metadata entry that is read, and the number of top-level fields of a network. ONNX files have
// about ten of them, beside one for each entry of metadata.
const (
	maxMetadata = 1 << 20
	maxFields   = 10_000
)

// Metadata reads the metadata of an ONNX file of that size in bytes without loading its graph. It returns an error
// for what is no complete ONNX file.
func Metadata(r io.ReaderAt, size int64) (map[string]string, error) {
	found := map[string]string{}
	graph := false
	head := make([]byte, 20) // a tag and a length have at most 10 bytes each
	var at int64
	for fields := 0; at < size; fields++ {
		if fields == maxFields {
			return nil, fmt.Errorf("onnx: over %d fields", maxFields)
		}
		n, err := r.ReadAt(head[:min(int64(len(head)), size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("onnx: %w", err)
		}
		number, kind, tag := protowire.ConsumeTag(head[:n])
		if tag < 0 {
			return nil, fmt.Errorf("onnx: no field at byte %d: %w", at, protowire.ParseError(tag))
		}
		if kind != protowire.BytesType {
			length := protowire.ConsumeFieldValue(number, kind, head[tag:n])
			if length < 0 || kind == protowire.StartGroupType {
				return nil, fmt.Errorf("onnx: no value at byte %d", at)
			}
			at += int64(tag + length)
			continue
		}
		length, m := protowire.ConsumeVarint(head[tag:n])
		start := at + int64(tag+m)
		if m < 0 || length > uint64(size-start) {
			return nil, fmt.Errorf("onnx: cut off at byte %d", at)
		}
		switch number {
		case fieldGraph:
			graph = true
		case fieldMetadata:
			if length > maxMetadata {
				return nil, fmt.Errorf("onnx: metadata of %d bytes", length)
			}
			b := make([]byte, length)
			if _, err := r.ReadAt(b, start); err != nil && !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("onnx: %w", err)
			}
			key, value, err := parseEntry(b)
			if err != nil {
				return nil, err
			}
			found[key] = value
		}
		at = start + int64(length)
	}
	if !graph {
		return nil, errors.New("onnx: the file holds no network")
	}
	return found, nil
}

// parseEntry reads a StringStringEntryProto.
func parseEntry(b []byte) (key, value string, err error) {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return "", "", fmt.Errorf("onnx: metadata: %w", protowire.ParseError(n))
		}
		b = b[n:]
		if kind == protowire.BytesType && (number == fieldKey || number == fieldValue) {
			v, n := protowire.ConsumeString(b)
			if n < 0 {
				return "", "", fmt.Errorf("onnx: metadata: %w", protowire.ParseError(n))
			}
			if number == fieldKey {
				key = v
			} else {
				value = v
			}
			b = b[n:]
			continue
		}
		if n = protowire.ConsumeFieldValue(number, kind, b); n < 0 {
			return "", "", fmt.Errorf("onnx: metadata: %w", protowire.ParseError(n))
		}
		b = b[n:]
	}
	return key, value, nil
}

// appendEntries writes entries of metadata as they stand at the end of an ONNX file: repeated fields of a protobuf
// message may follow on the others in any order.
func appendEntries(b []byte, entries [][2]string) []byte {
	for _, e := range entries {
		var entry []byte
		entry = protowire.AppendTag(entry, fieldKey, protowire.BytesType)
		entry = protowire.AppendString(entry, e[0])
		entry = protowire.AppendTag(entry, fieldValue, protowire.BytesType)
		entry = protowire.AppendString(entry, e[1])
		b = protowire.AppendTag(b, fieldMetadata, protowire.BytesType)
		b = protowire.AppendBytes(b, entry)
	}
	return b
}
