package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	meta1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	retry "k8s.io/client-go/tools/watch"
)

// leader lets two candidates be elected one after the other by a Lease.
func leader(ctx context.Context, config *rest.Config, namespace string) error {
	clients := clientset(config)
	elect := func(ctx context.Context, name string, elected chan<- string) {
		lock := &resourcelock.LeaseLock{
			LeaseMeta: meta1.ObjectMeta{Name: "leader", Namespace: namespace}, Client: clients.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: name}}
		leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
			Lock: lock, ReleaseOnCancel: true, LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second,
			RetryPeriod: 100 * time.Millisecond,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { elected <- name }, OnStoppedLeading: func() {}},
		})
	}
	elected := make(chan string)
	first, stop := context.WithCancel(ctx)
	defer stop()
	next := func() (string, error) {
		select {
		case name := <-elected:
			return name, nil
		case <-ctx.Done():
			return "", fmt.Errorf("nobody was elected")
		}
	}
	go elect(first, "a", elected)
	if name, err := next(); err != nil || name != "a" {
		return fmt.Errorf("first was %q: %v", name, err)
	}
	go elect(ctx, "b", elected)
	stop()
	if name, err := next(); err != nil || name != "b" {
		return fmt.Errorf("second was %q: %v", name, err)
	}
	lease, err := clients.CoordinationV1().Leases(namespace).Get(ctx, "leader", meta1.GetOptions{})
	if err != nil || *lease.Spec.HolderIdentity != "b" || lease.Spec.RenewTime == nil || *lease.Spec.LeaseTransitions != 1 {
		return fmt.Errorf("the Lease is %v: %v", lease, err)
	}
	return nil
}

// resume goes on with a watch while the server is stopped and started again. It prints "ready", waits for a line once
// the server is back, and must then see what was made meanwhile, once and in order.
func resume(ctx context.Context, config *rest.Config, namespace string) error {
	maps := clientset(config).CoreV1().ConfigMaps(namespace)
	list, err := maps.List(ctx, meta1.ListOptions{})
	if err != nil {
		return err
	}
	options := meta1.ListOptions{LabelSelector: "resumed=yes"}
	watcher, err := retry.NewRetryWatcher(list.ResourceVersion, &cache.ListWatch{
		WatchFunc: func(given meta1.ListOptions) (watch.Interface, error) {
			given.LabelSelector = options.LabelSelector
			return maps.Watch(ctx, given)
		}})
	if err != nil {
		return err
	}
	defer watcher.Stop()
	create := func(number int) error {
		_, err := maps.Create(ctx, &core.ConfigMap{ObjectMeta: meta1.ObjectMeta{
			Name: fmt.Sprintf("resumed-%d", number), Labels: map[string]string{"resumed": "yes"}}}, meta1.CreateOptions{})
		return err
	}
	expect := func(number int) error {
		select {
		case event := <-watcher.ResultChan():
			object, err := meta.Accessor(event.Object)
			if err != nil || event.Type != watch.Added || object.GetName() != fmt.Sprintf("resumed-%d", number) {
				return fmt.Errorf("number %d came as %v: %v", number, event, err)
			}
			return nil
		case <-ctx.Done():
			return fmt.Errorf("number %d never came", number)
		}
	}
	for number := 0; number < 3; number++ {
		if err := create(number); err != nil {
			return err
		}
		if err := expect(number); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	for number := 3; number < 6; number++ {
		if err := create(number); err != nil {
			return err
		}
	}
	for number := 3; number < 6; number++ {
		if err := expect(number); err != nil {
			return err
		}
	}
	return nil
}

// discover reads discovery and the schemas as kubectl does.
func discover(ctx context.Context, config *rest.Config, namespace string) error {
	client := discovery.NewDiscoveryClientForConfigOrDie(config)
	lists, err := client.ServerPreferredResources()
	if err != nil {
		return err
	}
	found := map[string]bool{}
	for _, list := range lists {
		for _, resource := range list.APIResources {
			found[list.GroupVersion+" "+resource.Kind] = true
		}
	}
	for _, wanted := range []string{"v1 Pod", "apps/v1 Deployment", "kubeflow.org/v1 Notebook", "batch/v1 Job"} {
		if !found[wanted] {
			return fmt.Errorf("%s is not discovered", wanted)
		}
	}
	document, err := client.OpenAPISchema()
	if err != nil || document.Definitions == nil || len(document.Definitions.AdditionalProperties) < 100 {
		return fmt.Errorf("the schemas cannot be read: %v", err)
	}
	version, err := client.ServerVersion()
	if err != nil || version.Major != "1" {
		return fmt.Errorf("the version is %v: %v", version, err)
	}
	return nil
}

// kinds reads every collection that this client-go has types for in both forms, and compares what came.
func kinds(ctx context.Context, config *rest.Config, _ string) error {
	texts := rest.CopyConfig(config)
	texts.ContentType, texts.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	lists, err := discovery.NewDiscoveryClientForConfigOrDie(config).ServerPreferredResources()
	if err != nil {
		return err
	}
	compared := 0
	for _, list := range lists {
		group, err := schemaOf(list.GroupVersion)
		if err != nil {
			return err
		}
		for _, resource := range list.APIResources {
			kind := group.WithKind(resource.Kind + "List")
			if !scheme.Scheme.Recognizes(kind) || !strings.Contains(fmt.Sprint(resource.Verbs), "list") {
				continue
			}
			one, err := fetch(ctx, config, kind, resource.Name)
			if err != nil {
				return fmt.Errorf("%s in binary form: %v", kind, err)
			}
			other, err := fetch(ctx, texts, kind, resource.Name)
			if err != nil {
				return fmt.Errorf("%s in JSON: %v", kind, err)
			}
			if !reflect.DeepEqual(one, other) {
				return fmt.Errorf("%s differs:\n%v\n%v", kind, one, other)
			}
			compared += len(one)
		}
	}
	fmt.Println(compared, "objects are the same in both forms")
	return nil
}
