// Package graph writes networks in ONNX's format (onnx.proto3, IR version 8, operators of version 18).
//
// A [Graph] is written in the order of its computation: inputs, weights and nodes each give the name under which later
// nodes refer to their values, and [Graph.Output] names what is wanted in the end. [Graph.Bytes] is the file.
// Whether the names and shapes fit is for the runtime to say when it loads the file.
package graph

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// Versions that a file says it is written for.
const (
	irVersion = 8
	opset     = 18
)

// Type is the type of a tensor's elements (TensorProto.DataType).
type Type int

// The types that are written.
const (
	Float32 Type = 1
	Uint8   Type = 2
	Int8    Type = 3
	Int64   Type = 7
)

// Graph is a network. The zero value is an empty one.
type Graph struct {
	nodes, weights, inputs, outputs []byte
	metadata                        []byte
	names                           int
	domains                         []string // of operators, beside ONNX's own
}

// Attribute is a constant of a node. Exactly one of Int, Ints and Float is set.
type Attribute struct {
	Name  string
	Int   *int64
	Ints  []int64
	Float *float32
}

// Int is an attribute that is an integer.
func Int(name string, v int64) Attribute { return Attribute{Name: name, Int: &v} }

// Float is an attribute that is a real number.
func Float(name string, v float32) Attribute { return Attribute{Name: name, Float: &v} }

// Ints is an attribute that is a list of integers.
func Ints(name string, v ...int64) Attribute { return Attribute{Name: name, Ints: v} }

// Input adds an input. A dimension is a number, or a name where its size may be any.
func (g *Graph) Input(name string, t Type, dimensions ...string) string {
	g.inputs = message(g.inputs, 11, value(name, t, dimensions)) // GraphProto.input
	return name
}

// Output gives a value its name as an output, with dimensions as in Input.
func (g *Graph) Output(name, of string, t Type, dimensions ...string) {
	node := text(text(text(nil, 1, of), 2, name), 4, "Identity")
	g.nodes = message(g.nodes, 1, node)
	g.outputs = message(g.outputs, 12, value(name, t, dimensions)) // GraphProto.output
}

// Metadata adds a note to the file, such as what a program that runs it wants to know.
func (g *Graph) Metadata(key, value string) {
	g.metadata = message(g.metadata, 14, text(text(nil, 1, key), 2, value)) // ModelProto.metadata_props
}

// Floats adds a constant of that shape, the last dimension varying fastest, and returns its name.
func (g *Graph) Floats(values []float32, shape ...int) string {
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return g.constant(Float32, raw, shape)
}

// Int64s adds a constant of integers as Floats does.
func (g *Graph) Int64s(values []int64, shape ...int) string {
	raw := make([]byte, 0, 8*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return g.constant(Int64, raw, shape)
}

// Uint8s adds a constant of bytes as Floats does.
func (g *Graph) Uint8s(values []byte, shape ...int) string { return g.constant(Uint8, values, shape) }

// Int8s adds a constant of small integers as Floats does.
func (g *Graph) Int8s(values []int8, shape ...int) string {
	raw := make([]byte, len(values))
	for i, v := range values {
		raw[i] = byte(v)
	}
	return g.constant(Int8, raw, shape)
}

func (g *Graph) constant(t Type, raw []byte, shape []int) string {
	name := g.name()
	var tensor []byte
	for _, d := range shape {
		tensor = number(tensor, 1, uint64(d)) // TensorProto.dims
	}
	tensor = text(number(tensor, 2, uint64(t)), 8, name)       // data_type, name
	g.weights = message(g.weights, 5, message(tensor, 9, raw)) // GraphProto.initializer, TensorProto.raw_data
	return name
}

// Node adds an operator with one output, whose name it returns. One that isn't ONNX's own has its domain in front:
// com.microsoft.MatMulNBits.
func (g *Graph) Node(operator string, inputs []string, attributes ...Attribute) string {
	return g.Split(operator, inputs, 1, attributes...)[0]
}

// Split adds an operator with several outputs, whose names it returns.
func (g *Graph) Split(operator string, inputs []string, outputs int, attributes ...Attribute) []string {
	var node []byte
	for _, name := range inputs {
		node = text(node, 1, name) // NodeProto.input
	}
	names := make([]string, outputs)
	for i := range names {
		names[i] = g.name()
		node = text(node, 2, names[i]) // output
	}
	if dot := strings.LastIndexByte(operator, '.'); dot >= 0 {
		domain := operator[:dot]
		if operator = operator[dot+1:]; !slices.Contains(g.domains, domain) {
			g.domains = append(g.domains, domain)
		}
		node = text(node, 7, domain) // domain
	}
	node = text(node, 4, operator) // op_type
	for _, a := range attributes {
		node = message(node, 5, a.encode())
	}
	g.nodes = message(g.nodes, 1, node) // GraphProto.node
	return names
}

// name is a name that nothing else in the graph has, unless an input was given it.
func (g *Graph) name() string {
	g.names++
	return "v" + strconv.Itoa(g.names)
}

// Bytes is the file of the network.
func (g *Graph) Bytes() []byte {
	size := len(g.nodes) + len(g.weights) + len(g.inputs) + len(g.outputs) + 64
	graph := append(make([]byte, 0, size), g.nodes...)
	graph = append(text(graph, 2, "graph"), g.weights...) // GraphProto.name
	graph = append(append(graph, g.inputs...), g.outputs...)
	file := number(make([]byte, 0, size), 1, irVersion) // ModelProto.ir_version
	file = message(file, 7, graph)                      // graph
	file = message(file, 8, number(text(nil, 1, ""), 2, opset))
	for _, domain := range g.domains {
		file = message(file, 8, number(text(nil, 1, domain), 2, 1)) // opset_import: domain, version
	}
	return append(file, g.metadata...)
}

// encode is the AttributeProto.
func (a Attribute) encode() []byte {
	const float, integer, integers = 1, 2, 7 // AttributeProto.AttributeType
	b := text(nil, 1, a.Name)
	switch {
	case a.Float != nil:
		b = protowire.AppendFixed32(protowire.AppendTag(b, 2, protowire.Fixed32Type), math.Float32bits(*a.Float))
		return number(b, 20, float)
	case a.Int != nil:
		return number(number(b, 3, uint64(*a.Int)), 20, integer)
	}
	for _, v := range a.Ints {
		b = number(b, 8, uint64(v))
	}
	return number(b, 20, integers)
}

// value is the ValueInfoProto of a tensor.
func value(name string, t Type, dimensions []string) []byte {
	var shape []byte
	for _, d := range dimensions {
		dimension := text(nil, 2, d) // TensorShapeProto.Dimension.dim_param
		if n, err := strconv.ParseUint(d, 10, 63); err == nil {
			dimension = number(nil, 1, n) // dim_value
		}
		shape = message(shape, 1, dimension)
	}
	tensor := message(number(nil, 1, uint64(t)), 2, shape)         // TypeProto.Tensor: elem_type, shape
	return message(text(nil, 1, name), 2, message(nil, 1, tensor)) // name, type
}

func number(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func message(b []byte, field protowire.Number, m []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), m)
}

func text(b []byte, field protowire.Number, s string) []byte { return message(b, field, []byte(s)) }
