package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mynahbot/mynah/internal/answer/evidence"
)

type fcase struct {
	first, second, want string
	alone               bool
}

func followExperiment(ctx context.Context, b *evidence.Background, e evidence.Encoder, j *evidence.Judge, data string) {
	type set struct {
		ix    *evidence.Index
		cases []fcase
	}
	sets := map[string]*set{}
	var order []string
	for _, lang := range []string{"en", "ru"} {
		f, err := os.Open("internal/answer/evidence/texts/" + lang + "/follow.txt")
		must(err)
		sc := bufio.NewScanner(f)
		alone := false
		name := ""
		var c fcase
		for sc.Scan() {
			line := sc.Text()
			if strings.Contains(line, "# The second stands") || strings.Contains(line, "самостоятел") || strings.HasPrefix(line, "# ") && len(order) > 0 {
				alone = true
			}
			k, rest, _ := strings.Cut(line, " ")
			switch k {
			case "F":
				name = lang + "/" + rest
			case "1":
				c = fcase{first: rest, alone: alone}
			case "2":
				c.second = rest
			case "=":
				c.want = rest
				if sets[name] == nil {
					sets[name] = &set{}
					order = append(order, name)
				}
				sets[name].cases = append(sets[name].cases, c)
			}
		}
	}
	replyOf := map[string]map[string]string{}
	for _, n := range order {
		path := "internal/answer/evidence/texts/" + n + ".txt"
		if _, err := os.Stat(path); err != nil {
			path = "internal/answer/evidence/texts/mixed/" + filepath.Base(n) + ".txt"
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			fmt.Println("no", n)
			continue
		}
		var taught []evidence.Wording
		replyOf[n] = map[string]string{}
		q := ""
		for line := range strings.Lines(string(raw)) {
			k, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			switch k {
			case "Q":
				q = rest
			case "A":
				taught = append(taught, evidence.Wording{Text: q, Reply: rest})
				replyOf[n][q] = rest
			}
		}
		var err2 error
		sets[n].ix, err2 = evidence.NewIndex(ctx, b, e, taught)
		must(err2)
		for i, c := range sets[n].cases {
			if r, ok := replyOf[n][c.want]; ok {
				sets[n].cases[i].want = r
			} else {
				fmt.Println("no entry", n, c.want)
			}
		}
	}
	ds, _ := filepath.Glob(data + "/*/follow.jsonl")
	var dev []string
	for _, p := range ds {
		d := filepath.Dir(p)
		var taught []evidence.Wording
		for _, r := range rows(d + "/faq.jsonl") {
			taught = append(taught, evidence.Wording{Text: r.Text, Reply: r.Reply})
		}
		s := &set{}
		var err error
		s.ix, err = evidence.NewIndex(ctx, b, e, taught)
		must(err)
		f, _ := os.Open(p)
		sc := bufio.NewScanner(f)
		for sc.Scan() {
			var r struct{ First, Second, Reply string }
			must(json.Unmarshal(sc.Bytes(), &r))
			s.cases = append(s.cases, fcase{first: r.First, second: r.Second, want: r.Reply})
		}
		sets[d] = s
		dev = append(dev, d)
	}
	for _, early := range []float64{0, .2, .3, .4, .5, .6, .8} {
		for _, same := range []float64{0, -.2, -.4, -.6, -.8} {
			count := func(names []string, alone bool) (right, n int) {
				for _, name := range names {
					s := sets[name]
					if s.ix == nil {
						continue
					}
					for _, c := range s.cases {
						if c.alone != alone {
							continue
						}
						got, err := s.ix.Following(ctx, evidence.Follow{Earlier: early, Same: same}, c.first, "", c.second)
						must(err)
						n++
						if got[0].Reply == c.want {
							right++
						}
					}
				}
				return
			}
			r1, n1 := count(order, false)
			r2, n2 := count(order, true)
			r3, n3 := count(dev, false)
			fmt.Printf("early %.1f same %.1f: elliptic %d/%d  alone %d/%d  dev %d/%d\n", early, same, r1, n1, r2, n2, r3, n3)
		}
	}
}
