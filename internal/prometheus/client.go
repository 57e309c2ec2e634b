package prometheus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
)

const (
	// maxAnswer bounds what is read of an answer, in bytes: whoever writes a query must not
	// fill the operator's memory.
	maxAnswer = 1 << 20
	// maxReason bounds why a value is unknown, in bytes: it ends up in the status.
	maxReason = 300
)

// open makes a client for the Prometheus at an address, by a file in Prometheus' own format
// for HTTP clients; "": none. Secrets that the file names are read anew when they change.
func open(address, configFile string) (promv1.API, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return nil, fmt.Errorf("the address of Prometheus has to be as in http://prometheus.monitoring.svc:9090, and is %q", redacted(parsed, address))
	}
	how := &config.DefaultHTTPClientConfig
	if configFile != "" {
		if how, _, err = config.LoadHTTPConfigFile(configFile); err != nil {
			return nil, fmt.Errorf("reading how to connect to Prometheus from %s: %w", configFile, err)
		}
	}
	made, err := config.NewClientFromConfig(*how, "kohort", config.WithUserAgent("kohort"))
	if err != nil {
		return nil, fmt.Errorf("connecting to Prometheus as %s says: %w", configFile, err)
	}
	made.Transport = bounded{made.Transport}
	client, err := api.NewClient(api.Config{Address: address, Client: made})
	if err != nil {
		return nil, fmt.Errorf("connecting to Prometheus at %s: %w", parsed.Redacted(), err)
	}
	return promv1.NewAPI(client), nil
}

// redacted is an address without a password.
func redacted(parsed *url.URL, address string) string {
	if parsed == nil {
		return "not one at all (" + fmt.Sprint(len(address)) + " characters)"
	}
	return parsed.Redacted()
}

// bounded ends answers that are too large.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(request)
	if err == nil {
		response.Body = http.MaxBytesReader(nil, response.Body, maxAnswer)
	}
	return response, err
}

// ask asks once, as of now by Prometheus' own clock.
func ask(ctx context.Context, client promv1.API, query string, timeout time.Duration) (value float64, unknown string) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer, warnings, _, err := client.Query(ctx, query, time.Time{}, promv1.WithTimeout(timeout))
	switch {
	case err != nil:
		return 0, shortened(reasonOf(ctx, err, timeout))
	case len(warnings) > 0: // what is missing may be what is bad
		return 0, shortened("Prometheus warns that its answer may not be all of it: " + strings.Join(warnings, "; "))
	}
	return valueOf(answer)
}

// reasonOf is an error for people who have to do something about it.
func reasonOf(ctx context.Context, err error, timeout time.Duration) string {
	var refused *promv1.Error
	var tooLarge *http.MaxBytesError
	var unreached *url.Error
	switch {
	case errors.As(err, &tooLarge):
		return fmt.Sprintf("its answer has more than %d bytes: aggregate in the query, as with max(...)", maxAnswer)
	case errors.As(err, &refused) && (refused.Type == promv1.ErrBadData || refused.Type == promv1.ErrExec):
		return "Prometheus refuses the query, which has to be corrected: " + refused.Msg
	case errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil:
		return fmt.Sprintf("Prometheus has not answered within %s: is it up, and the query a cheap one?", timeout)
	case errors.As(err, &refused) && refused.Type != promv1.ErrBadResponse:
		return fmt.Sprintf("Prometheus answers %s: %s%s", refused.Type, refused.Msg, detailOf(refused))
	case errors.As(err, &unreached):
		return "Prometheus cannot be asked: " + err.Error()
	}
	return "the answer is not understood: the query has to return a scalar or an instant vector: " + err.Error()
}

// detailOf is what an error of Prometheus' own says besides; "" if it is somebody else's.
func detailOf(refused *promv1.Error) string {
	var body struct{ Error string }
	if json.Unmarshal([]byte(refused.Detail), &body) != nil || body.Error == "" {
		return ""
	}
	return ": " + body.Error
}

// valueOf is a scalar, or the greatest value of a vector.
func valueOf(answer model.Value) (value float64, unknown string) {
	value = math.Inf(-1)
	switch answer := answer.(type) {
	case *model.Scalar:
		value = float64(answer.Value)
	case model.Vector:
		if len(answer) == 0 {
			return 0, `the query finds nothing: where that means 0, append "or vector(0)"`
		}
		for _, sample := range answer {
			if sample.Histogram != nil {
				return 0, "the query returns a native histogram: make a number of it, as with histogram_quantile(...)"
			}
			if math.IsNaN(float64(sample.Value)) {
				return 0, fmt.Sprintf("its value is NaN (0 divided by 0, most often) for %s", shortened(sample.Metric.String()))
			}
			value = max(value, float64(sample.Value))
		}
	default:
		return 0, fmt.Sprintf("the query returns a %s: it has to return a scalar or an instant vector", answer.Type())
	}
	if math.IsNaN(value) {
		return 0, "its value is NaN (0 divided by 0, most often)"
	}
	return value, ""
}

// shortened is a text on one line that does not fill a status.
func shortened(text string) string {
	text = strings.ToValidUTF8(strings.Join(strings.Fields(text), " "), "?")
	if len(text) <= maxReason {
		return text
	}
	return strings.ToValidUTF8(text[:maxReason], "") + "..."
}
