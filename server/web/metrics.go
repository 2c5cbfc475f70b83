package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts requests in a registry of its own, so that two servers in one process do not meet.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

// NewMetrics makes the HTTP metrics and adds Go's and the process's own.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_http_requests_total",
			Help: "Requests answered, by route, method and status.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "muster_http_request_duration_seconds",
			Help: "Time from a request's headers to the end of its answer, or to the upgrade of a WebSocket.",
			// 1 ms to 5 s, the longest that an operation may run.
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "muster_http_requests_in_flight",
			Help: "Requests being answered now, without open WebSockets.",
		}),
	}
	m.registry.MustRegister(m.requests, m.duration, m.inFlight, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Registry is where other parts of the server register what they count.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Handler answers /metrics in Prometheus's text format. It shows no organization and no person.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// begin counts a request in, and answers what counts it out.
func (m *Metrics) begin() func(route, verb string, status int, took time.Duration) {
	m.inFlight.Inc()
	return func(route, verb string, status int, took time.Duration) {
		m.inFlight.Dec()
		if route == "" {
			route = "other" // the path itself would be a series for each typo of a stranger
		}
		m.requests.WithLabelValues(route, method(verb), strconv.Itoa(status)).Inc()
		m.duration.WithLabelValues(route).Observe(took.Seconds())
	}
}

// method keeps strangers from inventing series and lines: what HTTP does not know is "other".
func method(verb string) string {
	switch verb {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return verb
	}
	return "other"
}
