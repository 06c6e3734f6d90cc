// Exercises an API server through client-go, unmodified. One argument names what to do; every deed checks itself and
// ends with status 1 and a sentence when something is not as client-go programs expect it.
//
// Built by tools/go-clients against the client-go of Debian's kubernetes source.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// limit is how long a deed may take on a busy machine.
const limit = 90 * time.Second

type deed func(ctx context.Context, config *rest.Config, namespace string) error

var deeds = map[string]deed{
	"informers": informers,
	"metadata":  metadataInformers,
	"crud":      crud,
	"leader":    leader,
	"resume":    resume,
	"discovery": discover,
	"kinds":     kinds,
	"exec":      execute,
	"forward":   forward,
}

func main() {
	if len(os.Args) < 5 || deeds[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: clients DEED KUBECONFIG NAMESPACE json|protobuf [ARGUMENT...]")
		os.Exit(2)
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[2])
	if err == nil {
		config.QPS, config.Burst = 500, 500
		if os.Args[4] == "protobuf" {
			config.ContentType = runtime.ContentTypeProtobuf
			config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
		}
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		err = deeds[os.Args[1]](ctx, config, os.Args[3])
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
	fmt.Println("done")
}

// arguments are those of the deed itself.
func arguments() []string { return os.Args[5:] }

func clientset(config *rest.Config) kubernetes.Interface { return kubernetes.NewForConfigOrDie(config) }

// await asks until the answer is yes.
func await(ctx context.Context, what string, ask func() (bool, error)) error {
	for {
		if ok, err := ask(); err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
