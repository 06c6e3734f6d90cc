package main

import (
	"context"
	"fmt"
	"sync"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	meta1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	client "k8s.io/client-go/informers"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// record notes which of our objects, by name, an informer told about.
type record struct {
	lock  sync.Mutex
	names map[string]map[string]string // event -> name -> resource version
}

func (r *record) note(event string, object interface{}) {
	if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = gone.Obj
	}
	accessor, err := meta.Accessor(object)
	if err != nil || accessor.GetLabels()["by"] != "go" {
		return
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	if r.names == nil {
		r.names = map[string]map[string]string{}
	}
	if r.names[event] == nil {
		r.names[event] = map[string]string{}
	}
	r.names[event][accessor.GetName()] = accessor.GetResourceVersion()
}

func (r *record) count(event string) int {
	r.lock.Lock()
	defer r.lock.Unlock()
	return len(r.names[event])
}

func (r *record) handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object interface{}) { r.note("add", object) },
		UpdateFunc: func(_, object interface{}) { r.note("update", object) },
		DeleteFunc: func(object interface{}) { r.note("delete", object) },
	}
}

// informers sees through a shared informer what a typed client does, and finds it by label in the informer's store.
func informers(ctx context.Context, config *rest.Config, namespace string) error {
	clients := clientset(config)
	factory := client.NewSharedInformerFactoryWithOptions(clients, 0, client.WithNamespace(namespace))
	maps := factory.Core().V1().ConfigMaps()
	seen := &record{}
	maps.Informer().AddEventHandler(seen.handler())
	others := []cache.InformerSynced{
		factory.Core().V1().Pods().Informer().HasSynced, factory.Core().V1().Secrets().Informer().HasSynced,
		factory.Core().V1().Services().Informer().HasSynced, factory.Apps().V1().Deployments().Informer().HasSynced,
		factory.Apps().V1().StatefulSets().Informer().HasSynced, factory.Batch().V1().Jobs().Informer().HasSynced,
		factory.Rbac().V1().RoleBindings().Informer().HasSynced, factory.Networking().V1().Ingresses().Informer().HasSynced,
		factory.Coordination().V1().Leases().Informer().HasSynced, maps.Informer().HasSynced,
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), others...) {
		return fmt.Errorf("the informers never had everything")
	}
	const count = 25
	for number := 0; number < count; number++ {
		object := &core.ConfigMap{
			ObjectMeta: meta1.ObjectMeta{Name: fmt.Sprintf("seen-%d", number), Labels: map[string]string{"by": "go"}},
			Data:       map[string]string{"number": fmt.Sprint(number)}, BinaryData: map[string][]byte{"b": {0, 255, 1}},
		}
		if _, err := clients.CoreV1().ConfigMaps(namespace).Create(ctx, object, meta1.CreateOptions{}); err != nil {
			return err
		}
	}
	if err := await(ctx, "all additions", func() (bool, error) { return seen.count("add") >= count, nil }); err != nil {
		return err
	}
	found, err := maps.Lister().ConfigMaps(namespace).List(labels.SelectorFromSet(labels.Set{"by": "go"}))
	if err != nil || len(found) != count {
		return fmt.Errorf("the store has %d objects: %v", len(found), err)
	}
	if bytes := found[0].BinaryData["b"]; len(bytes) != 3 || bytes[1] != 255 {
		return fmt.Errorf("bytes came back as %v", bytes)
	}
	patch := []byte(`{"data":{"number":"changed"}}`)
	_, err = clients.CoreV1().ConfigMaps(namespace).Patch(
		ctx, "seen-3", types.StrategicMergePatchType, patch, meta1.PatchOptions{})
	if err != nil {
		return err
	}
	if err := await(ctx, "the change", func() (bool, error) {
		object, err := maps.Lister().ConfigMaps(namespace).Get("seen-3")
		return err == nil && object.Data["number"] == "changed", nil
	}); err != nil {
		return err
	}
	err = clients.CoreV1().ConfigMaps(namespace).DeleteCollection(
		ctx, meta1.DeleteOptions{}, meta1.ListOptions{LabelSelector: "by=go"})
	if err != nil {
		return err
	}
	return await(ctx, "all deletions", func() (bool, error) { return seen.count("delete") >= count, nil })
}

// metadataInformers sees built-in and custom objects through informers that know no types.
func metadataInformers(ctx context.Context, config *rest.Config, namespace string) error {
	resources := []schema.GroupVersionResource{
		{Version: "v1", Resource: "configmaps"}, {Group: "kubeflow.org", Version: "v1", Resource: "notebooks"},
	}
	plain, err := metadata.NewForConfig(config)
	if err != nil {
		return err
	}
	own := rest.CopyConfig(config)
	own.ContentType, own.AcceptContentTypes = "", ""
	open, err := dynamic.NewForConfig(own)
	if err != nil {
		return err
	}
	partial := metadatainformer.NewFilteredSharedInformerFactory(plain, 0, namespace, nil)
	whole := dynamicinformer.NewFilteredDynamicSharedInformerFactory(open, 0, namespace, nil)
	seen := map[schema.GroupVersionResource][]*record{}
	for _, resource := range resources {
		records := []*record{{}, {}}
		partial.ForResource(resource).Informer().AddEventHandler(records[0].handler())
		whole.ForResource(resource).Informer().AddEventHandler(records[1].handler())
		seen[resource] = records
	}
	partial.Start(ctx.Done())
	whole.Start(ctx.Done())
	for resource, ok := range partial.WaitForCacheSync(ctx.Done()) {
		if !ok {
			return fmt.Errorf("metadata of %v never came", resource)
		}
	}
	for resource, ok := range whole.WaitForCacheSync(ctx.Done()) {
		if !ok {
			return fmt.Errorf("objects of %v never came", resource)
		}
	}
	for _, resource := range resources {
		object := open.Resource(resource).Namespace(namespace)
		made, err := object.Create(ctx, sample(resource), meta1.CreateOptions{})
		if err != nil {
			return err
		}
		for _, record := range seen[resource] {
			record := record
			if err := await(ctx, "the addition of "+made.GetName(), func() (bool, error) {
				record.lock.Lock()
				defer record.lock.Unlock()
				return record.names["add"][made.GetName()] == made.GetResourceVersion(), nil
			}); err != nil {
				return err
			}
		}
		if err := object.Delete(ctx, made.GetName(), meta1.DeleteOptions{}); err != nil {
			return err
		}
		for _, record := range seen[resource] {
			record := record
			if err := await(ctx, "the deletion", func() (bool, error) { return record.count("delete") > 0, nil }); err != nil {
				return err
			}
		}
	}
	return nil
}
