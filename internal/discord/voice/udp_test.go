package voice

import (
	"net"
	"testing"
	"time"
)

// After a wait, packets are looked for at ticks. The wait's deadline, when it passes meanwhile, must not keep them from being read.
func TestPacketsAfterADeadline(t *testing.T) {
	here, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	there, err := net.DialUDP("udp4", nil, here.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	buf := make([]byte, 100)
	r := newPacketReader(here, 20*time.Millisecond)
	send := func(b byte) {
		t.Helper()
		if _, err := there.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	get := func(want byte) {
		t.Helper()
		limit := time.Now().Add(10 * time.Second)
		for n := 0; n == 0; {
			var err error
			if n, err = r.next(buf, time.Time{}, false); err != nil {
				t.Fatalf("packet %d: %v", want, err)
			}
			if time.Now().After(limit) {
				t.Fatalf("packet %d was not read", want)
			}
		}
		if buf[0] != want {
			t.Fatalf("packet %d instead of %d", buf[0], want)
		}
	}
	if n, err := r.next(buf, time.Time{}, false); n != 0 || err != nil {
		t.Fatalf("%d, %v without a packet", n, err)
	}
	send(1)
	get(1)
	if r.deadline.IsZero() {
		t.Fatal("the first packet was not waited for")
	}
	<-time.After(time.Until(r.deadline) + time.Millisecond)
	send(2)
	r.last = time.Now() // as after a packet: so the next one is looked for
	get(2)
	if !r.deadline.IsZero() {
		t.Error("there still is a deadline")
	}
	send(3)
	get(3)
	there.Close()
	here.Close()
	if _, err := r.next(buf, time.Time{}, false); err == nil {
		t.Error("read from a closed socket")
	}
}
