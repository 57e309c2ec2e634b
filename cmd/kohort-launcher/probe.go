package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	userAgent = "kube-probe/kohort"
	// bodyLimit is how much of an answer is read, in bytes.
	bodyLimit = 10 << 10
	// maxRedirects are followed.
	maxRedirects = 10
)

func address(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// askHTTP is a kubelet's httpGet probe (pkg/probe/http of Kubernetes).
func askHTTP(ctx context.Context, get *httpGet, podIP string) error {
	status, err := get.send(ctx, podIP)
	if err == nil && (status < http.StatusOK || status >= http.StatusBadRequest) {
		err = fmt.Errorf("HTTP probe failed with statuscode: %d", status)
	}
	return err
}

// send sends the request and gives the status of the answer. As a kubelet does it:
// certificates are not verified, and redirects to another host not followed.
func (get *httpGet) send(ctx context.Context, podIP string) (status int, err error) {
	request, err := get.request(ctx, podIP)
	if err != nil {
		return 0, err
	}
	client := &http.Client{
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true, DisableCompression: true,
		},
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			if next.URL.Hostname() != via[0].URL.Hostname() {
				return http.ErrUseLastResponse
			}
			if len(via) >= maxRedirects {
				return fmt.Errorf("stopped after %d redirects", maxRedirects)
			}
			return nil
		},
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, bodyLimit))
	return response.StatusCode, err
}

func (get *httpGet) request(ctx context.Context, podIP string) (*http.Request, error) {
	target, err := url.Parse(get.Path)
	if err != nil {
		target = &url.URL{Path: get.Path} // as it is
	}
	target.Scheme = strings.ToLower(get.Scheme)
	if target.Scheme == "" {
		target.Scheme = "http"
	}
	host := get.Host
	if host == "" {
		host = podIP
	}
	target.Host = address(host, get.Port)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	for _, header := range get.HTTPHeaders {
		request.Header.Add(header.Name, header.Value)
	}
	for name, value := range map[string]string{"User-Agent": userAgent, "Accept": "*/*"} {
		if _, set := request.Header[name]; !set {
			request.Header.Set(name, value)
		}
	}
	request.Host = request.Header.Get("Host")
	return request, nil
}

func askTCP(ctx context.Context, socket *tcpSocket, podIP string) error {
	host := socket.Host
	if host == "" {
		host = podIP
	}
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address(host, socket.Port))
	if err != nil {
		return err
	}
	return connection.Close()
}

// The messages of grpc.health.v1, in protobuf's wire format
// (https://protobuf.dev/programming-guides/encoding/).
const (
	serviceField = 1<<3 + 2 // a string
	statusField  = 1<<3 + 0 // a number
	serving      = 1        // of the status
)

// askGRPC is the gRPC health check, with no more of gRPC than it needs: one message
// of one field there and back, each after five bytes (not compressed, length), over
// HTTP/2 without TLS.
//
// https://github.com/grpc/grpc/blob/master/doc/health-checking.md,
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
func askGRPC(ctx context.Context, address, service string) error {
	question := append(binary.AppendUvarint([]byte{serviceField}, uint64(len(service))), service...)
	frame := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(question))), question...)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/grpc.health.v1.Health/Check", bytes.NewReader(frame))
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	request.Header.Set("User-Agent", userAgent)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, bodyLimit))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return judgeGRPC(response, answer)
}

func judgeGRPC(response *http.Response, answer []byte) error {
	// An answer without a message has its status in the headers.
	for _, part := range []http.Header{response.Trailer, response.Header} {
		if code := part.Get("Grpc-Status"); code != "" && code != "0" {
			return fmt.Errorf("gRPC status %s: %s", code, part.Get("Grpc-Message"))
		}
	}
	const head = 5
	if response.StatusCode != http.StatusOK || len(answer) < head {
		return fmt.Errorf("it does not answer as a gRPC server: %s", response.Status)
	}
	message := answer[head:]
	if len(message) == 0 || message[0] != statusField {
		return errors.New("the service is not serving: its status is UNKNOWN")
	}
	if status, n := binary.Uvarint(message[1:]); n <= 0 || status != serving {
		return fmt.Errorf("the service is not serving: its status is %d", status)
	}
	return nil
}
