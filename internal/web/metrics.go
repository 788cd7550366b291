package web

import (
	"context"
	"database/sql"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/mynahbot/mynah/internal/record"
)

// JobCounter counts the jobs there are by state.
type JobCounter interface {
	CountJobs(ctx context.Context) (map[record.JobState]int, error)
}

// NewRegistry returns the metrics of the process, of Go, of the database's
// connections, and mynah_jobs by state.
func NewRegistry(db *sql.DB, jobs JobCounter) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
		collectors.NewDBStatsCollector(db, "mynah"),
		&jobCollector{
			jobs: jobs,
			desc: prometheus.NewDesc("mynah_jobs", "Jobs by state.", []string{"state"}, nil),
		},
	)
	return r
}

// jobCollector counts the jobs whenever somebody looks.
type jobCollector struct {
	jobs JobCounter
	desc *prometheus.Desc
}

func (c *jobCollector) Describe(to chan<- *prometheus.Desc) { to <- c.desc }

func (c *jobCollector) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), checkTime)
	defer cancel()
	counts, err := c.jobs.CountJobs(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(c.desc, err)
		return
	}
	for _, state := range []record.JobState{record.JobQueued, record.JobRunning, record.JobDone, record.JobFailed, record.JobCancelled} {
		to <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(counts[state]), string(state))
	}
}
