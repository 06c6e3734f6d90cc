package main

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

func schemaOf(text string) (schema.GroupVersion, error) { return schema.ParseGroupVersion(text) }

// fetch lists a collection of all namespaces and returns its items by uid, as JSON trees.
func fetch(ctx context.Context, config *rest.Config, kind schema.GroupVersionKind, resource string) (
	map[string]map[string]interface{}, error,
) {
	own := rest.CopyConfig(config)
	version := kind.GroupVersion()
	own.GroupVersion, own.NegotiatedSerializer = &version, scheme.Codecs.WithoutConversion()
	own.APIPath = "/apis"
	if version.Group == "" {
		own.APIPath = "/api"
	}
	client, err := rest.RESTClientFor(own)
	if err != nil {
		return nil, err
	}
	list, err := scheme.Scheme.New(kind)
	if err != nil {
		return nil, err
	}
	if err := client.Get().Resource(resource).Do(ctx).Into(list); err != nil {
		return nil, err
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return nil, err
	}
	found := map[string]map[string]interface{}{}
	for _, item := range items {
		object, err := meta.Accessor(item)
		if err != nil {
			return nil, err
		}
		// The store goes on while the second list is read.
		object.SetManagedFields(nil)
		tree, err := runtime.DefaultUnstructuredConverter.ToUnstructured(item)
		if err != nil {
			return nil, err
		}
		delete(tree, "kind")
		delete(tree, "apiVersion")
		found[string(object.GetUID())+" "+object.GetResourceVersion()] = tree
	}
	return found, nil
}
