package evidence

// Folds puts lines that are near to each other into the same of n folds: a judge is trained with chat
// that its background doesn't hold, as servers have it. The background must have been encoded.
func (b *Background) Folds(n int) []int {
	const clusters = 45
	lines := b.lines
	var chat, general int
	at := make([][]float32, len(lines))
	for i, l := range lines {
		if l.General {
			at[i] = b.general.row(general)
			general++
		} else {
			at[i] = b.chat.row(chat)
			chat++
		}
	}
	vector := func(i int) []float32 { return at[i] }
	// Centres: the line that is farthest from all before it.
	nearest := make([]float64, len(lines))
	cluster := make([]int, len(lines))
	for i := range nearest {
		nearest[i] = -2
	}
	centre := 0
	for c := range clusters {
		least := 2.0
		next := 0
		for i := range lines {
			if d := dot(vector(i), vector(centre)); d > nearest[i] {
				nearest[i], cluster[i] = d, c
			}
			if nearest[i] < least {
				least, next = nearest[i], i
			}
		}
		centre = next
	}
	// Centres move to the middle of their lines, some times.
	for range 8 {
		middles := make([][]float32, clusters)
		for i, c := range cluster {
			if middles[c] == nil {
				middles[c] = make([]float32, len(vector(i)))
			}
			for k, v := range vector(i) {
				middles[c][k] += v
			}
		}
		for _, m := range middles {
			if m == nil {
				continue
			}
			normalize(m)
		}
		for i := range lines {
			best := -2.0
			for c, m := range middles {
				if m == nil {
					continue
				}
				if d := dot(vector(i), m); d > best {
					best, cluster[i] = d, c
				}
			}
		}
	}
	// Folds of about the same size.
	sizes := make([]int, clusters)
	for _, c := range cluster {
		sizes[c]++
	}
	fold, filled := make([]int, clusters), make([]int, n)
	for range clusters {
		largest := -1
		for c, s := range sizes {
			if s >= 0 && (largest < 0 || s > sizes[largest]) {
				largest = c
			}
		}
		least := 0
		for k := range filled {
			if filled[k] < filled[least] {
				least = k
			}
		}
		fold[largest] = least
		filled[least] += sizes[largest]
		sizes[largest] = -1
	}
	out := make([]int, len(lines))
	for i, c := range cluster {
		out[i] = fold[c]
	}
	return out
}
