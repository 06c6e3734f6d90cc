package main

import (
	"bytes"
	"context"
	"fmt"
	"io/ioutil"
	"net/http"
	"os"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"
)

// execute runs commands in a Pod over SPDY: output, errors, input to its end, exit codes and a terminal.
func execute(ctx context.Context, config *rest.Config, namespace string) error {
	pod := arguments()[0]
	run := func(options core.PodExecOptions, streams remotecommand.StreamOptions) error {
		url := clientset(config).CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).
			SubResource("exec").VersionedParams(&options, scheme.ParameterCodec).URL()
		executor, err := remotecommand.NewSPDYExecutor(config, "POST", url)
		if err != nil {
			return err
		}
		return executor.Stream(streams)
	}
	var output, complaints bytes.Buffer
	input := strings.Repeat("a line of input\n", 20000)
	err := run(
		core.PodExecOptions{Command: []string{"sh", "-c", "cat; echo oh >&2"}, Stdin: true, Stdout: true, Stderr: true},
		remotecommand.StreamOptions{Stdin: strings.NewReader(input), Stdout: &output, Stderr: &complaints})
	if err != nil || output.String() != input || complaints.String() != "oh\n" {
		return fmt.Errorf("%d of %d bytes, %q: %v", output.Len(), len(input), complaints.String(), err)
	}
	err = run(
		core.PodExecOptions{Command: []string{"sh", "-c", "exit 7"}, Stdout: true},
		remotecommand.StreamOptions{Stdout: ioutil.Discard})
	if status, ok := err.(exec.CodeExitError); !ok || status.Code != 7 {
		return fmt.Errorf("exit code 7 came as %v", err)
	}
	output.Reset()
	err = run(
		core.PodExecOptions{
			Command: []string{"sh", "-c", "read x; stty size; test -t 0 && echo $x"}, Stdin: true, Stdout: true, TTY: true},
		remotecommand.StreamOptions{
			Stdin: strings.NewReader("typed\n"), Stdout: &output, Tty: true, TerminalSizeQueue: &sizes{}})
	if err != nil || !strings.Contains(output.String(), "33 77") || strings.Count(output.String(), "typed") != 2 {
		return fmt.Errorf("a terminal gave %q: %v", output.String(), err)
	}
	return nil
}

// sizes tells one size.
type sizes struct{ told bool }

func (s *sizes) Next() *remotecommand.TerminalSize {
	if s.told {
		return nil
	}
	s.told = true
	return &remotecommand.TerminalSize{Width: 77, Height: 33}
}

// forward fetches a page from a Pod through a forwarded port, over SPDY, several times.
func forward(ctx context.Context, config *rest.Config, namespace string) error {
	pod, port, wanted := arguments()[0], arguments()[1], arguments()[2]
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return err
	}
	url := clientset(config).CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).
		SubResource("portforward").URL()
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, "POST", url)
	stop, ready := make(chan struct{}), make(chan struct{})
	forwarder, err := portforward.New(dialer, []string{"0:" + port}, stop, ready, ioutil.Discard, os.Stderr)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- forwarder.ForwardPorts() }()
	select {
	case err := <-ended:
		return err
	case <-ready:
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		return err
	}
	for range make([]struct{}, 5) {
		answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", ports[0].Local))
		if err != nil {
			return err
		}
		body, err := ioutil.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || !strings.Contains(string(body), wanted) {
			return fmt.Errorf("the page is %q: %v", body, err)
		}
	}
	close(stop)
	return <-ended
}
