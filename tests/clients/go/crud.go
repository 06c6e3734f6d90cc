package main

import (
	"context"
	"encoding/json"
	"fmt"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	rbac "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	meta1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/util/retry"
)

// sample is an object of a resource that may be created in any namespace.
func sample(kind schema.GroupVersionResource) *unstructured.Unstructured {
	content := map[string]interface{}{"metadata": map[string]interface{}{
		"generateName": "go-", "labels": map[string]interface{}{"by": "go"}}}
	if kind.Resource == "notebooks" {
		content["apiVersion"], content["kind"] = "kubeflow.org/v1", "Notebook"
		content["spec"] = map[string]interface{}{"template": map[string]interface{}{"spec": map[string]interface{}{
			"containers": []interface{}{map[string]interface{}{"name": "n", "image": "i"}}}}}
	} else {
		content["apiVersion"], content["kind"] = "v1", "ConfigMap"
	}
	return &unstructured.Unstructured{Object: content}
}

func deployment() *apps.Deployment {
	replicas, grace, surge := int32(0), int64(0), intstr.FromString("25%")
	return &apps.Deployment{
		ObjectMeta: meta1.ObjectMeta{Name: "web", Annotations: map[string]string{"a": ""}},
		Spec: apps.DeploymentSpec{
			Replicas: &replicas, Selector: &meta1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			Strategy: apps.DeploymentStrategy{
				Type: apps.RollingUpdateDeploymentStrategyType, RollingUpdate: &apps.RollingUpdateDeployment{MaxSurge: &surge}},
			Template: core.PodTemplateSpec{
				ObjectMeta: meta1.ObjectMeta{Labels: map[string]string{"app": "web"}},
				Spec: core.PodSpec{
					TerminationGracePeriodSeconds: &grace,
					Containers: []core.Container{{
						Name: "main", Image: "i", Command: []string{"a", ""},
						Resources: core.ResourceRequirements{Requests: core.ResourceList{
							core.ResourceCPU: resource.MustParse("1500m"), core.ResourceMemory: resource.MustParse("1Gi")}},
						Env: []core.EnvVar{{Name: "E", ValueFrom: &core.EnvVarSource{
							FieldRef: &core.ObjectFieldSelector{FieldPath: "metadata.name"}}}},
						LivenessProbe: &core.Probe{Handler: core.Handler{
							HTTPGet: &core.HTTPGetAction{Path: "/", Port: intstr.FromString("web")}}},
						Ports: []core.ContainerPort{{Name: "web", ContainerPort: 80}},
					}},
					Volumes: []core.Volume{{Name: "v", VolumeSource: core.VolumeSource{EmptyDir: &core.EmptyDirVolumeSource{}}}},
				},
			},
		},
	}
}

// crud creates, reads, replaces, patches, scales, lists by pages and deletes with typed clients.
func crud(ctx context.Context, config *rest.Config, namespace string) error {
	clients := clientset(config)
	deployments := clients.AppsV1().Deployments(namespace)
	made, err := deployments.Create(ctx, deployment(), meta1.CreateOptions{})
	if err != nil {
		return err
	}
	container := made.Spec.Template.Spec.Containers[0]
	switch {
	case made.Spec.Replicas == nil || *made.Spec.Replicas != 0:
		return fmt.Errorf("zero replicas came back as %v", made.Spec.Replicas)
	case made.CreationTimestamp.IsZero() || made.UID == "" || made.Generation != 1:
		return fmt.Errorf("metadata came back as %v", made.ObjectMeta)
	case container.Resources.Requests.Cpu().MilliValue() != 1500 || container.LivenessProbe.HTTPGet.Port.StrVal != "web":
		return fmt.Errorf("the container came back as %v", container)
	case made.Spec.Strategy.RollingUpdate.MaxUnavailable.StrVal != "25%":
		return fmt.Errorf("defaults are missing: %v", made.Spec.Strategy)
	case made.Spec.Template.Spec.Volumes[0].EmptyDir == nil || len(container.Command) != 2:
		return fmt.Errorf("empty values were lost: %v", made.Spec.Template.Spec)
	}
	if _, err := deployments.Create(ctx, deployment(), meta1.CreateOptions{}); !errors.IsAlreadyExists(err) {
		return fmt.Errorf("a second one was answered with %v", err)
	}
	stale := made.DeepCopy()
	err = retry.RetryOnConflict(retry.DefaultRetry, func() error {
		current, err := deployments.Get(ctx, "web", meta1.GetOptions{})
		if err != nil {
			return err
		}
		current.Spec.Template.Spec.Containers[0].Image = "j"
		_, err = deployments.Update(ctx, current, meta1.UpdateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	stale.Labels = map[string]string{"late": "yes"}
	if _, err := deployments.Update(ctx, stale, meta1.UpdateOptions{}); !errors.IsConflict(err) {
		return fmt.Errorf("a late update was answered with %v", err)
	}
	broken := deployment()
	broken.Name, broken.Spec.Selector.MatchLabels = "broken", map[string]string{"app": "other"}
	_, err = deployments.Create(ctx, broken, meta1.CreateOptions{})
	if status, ok := err.(errors.APIStatus); !ok || !errors.IsInvalid(err) || len(status.Status().Details.Causes) == 0 {
		return fmt.Errorf("an invalid object was answered with %v", err)
	}
	err = retry.RetryOnConflict(retry.DefaultRetry, func() error {
		scale, err := deployments.GetScale(ctx, "web", meta1.GetOptions{})
		if err != nil {
			return err
		}
		scale.Spec.Replicas = 2
		scale, err = deployments.UpdateScale(ctx, "web", scale, meta1.UpdateOptions{})
		if err == nil && scale.Spec.Replicas != 2 {
			err = fmt.Errorf("scaling was answered with %v", scale)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := patches(ctx, config, namespace); err != nil {
		return err
	}
	policy := meta1.DeletePropagationForeground
	err = deployments.Delete(ctx, "web", meta1.DeleteOptions{PropagationPolicy: &policy, Preconditions: &meta1.Preconditions{UID: &made.UID}})
	if err != nil {
		return err
	}
	if err := await(ctx, "the end of the Deployment", func() (bool, error) {
		_, err := deployments.Get(ctx, "web", meta1.GetOptions{})
		return errors.IsNotFound(err), nil
	}); err != nil {
		return err
	}
	return pages(ctx, config, namespace)
}

// patches sends one patch of every kind, and an apply that conflicts.
func patches(ctx context.Context, config *rest.Config, namespace string) error {
	roles := clientset(config).RbacV1().Roles(namespace)
	role := &rbac.Role{ObjectMeta: meta1.ObjectMeta{Name: "r"}, Rules: []rbac.PolicyRule{{
		APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}}}}
	if _, err := roles.Create(ctx, role, meta1.CreateOptions{}); err != nil {
		return err
	}
	for kind, text := range map[types.PatchType]string{
		types.JSONPatchType:           `[{"op":"add","path":"/metadata/labels","value":{"json":"1"}}]`,
		types.MergePatchType:          `{"metadata":{"annotations":{"merge":"1"}}}`,
		types.StrategicMergePatchType: `{"metadata":{"annotations":{"strategic":"1"}}}`,
	} {
		if _, err := roles.Patch(ctx, "r", kind, []byte(text), meta1.PatchOptions{}); err != nil {
			return fmt.Errorf("%s: %v", kind, err)
		}
	}
	wanted, err := json.Marshal(map[string]interface{}{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": map[string]string{"name": "r"},
		"rules": []rbac.PolicyRule{{APIGroups: []string{""}, Resources: []string{"services"}, Verbs: []string{"list"}}}})
	if err != nil {
		return err
	}
	_, err = roles.Patch(ctx, "r", types.ApplyPatchType, wanted, meta1.PatchOptions{FieldManager: "other"})
	if !errors.IsConflict(err) {
		return fmt.Errorf("an apply over another manager's field was answered with %v", err)
	}
	force := true
	result, err := roles.Patch(ctx, "r", types.ApplyPatchType, wanted, meta1.PatchOptions{FieldManager: "other", Force: &force})
	if err != nil || result.Rules[0].Resources[0] != "services" || result.Annotations["strategic"] != "1" {
		return fmt.Errorf("a forced apply was answered with %v: %v", result, err)
	}
	if len(result.ManagedFields) < 2 || result.ManagedFields[0].FieldsV1 == nil {
		return fmt.Errorf("managers are missing: %v", result.ManagedFields)
	}
	return nil
}

// pages lists a collection in pages of three.
func pages(ctx context.Context, config *rest.Config, namespace string) error {
	secrets := clientset(config).CoreV1().Secrets(namespace)
	for number := 0; number < 10; number++ {
		secret := &core.Secret{
			ObjectMeta: meta1.ObjectMeta{Name: fmt.Sprintf("page-%d", number), Labels: map[string]string{"paged": "yes"}},
			Data:       map[string][]byte{"key": {byte(number), 0}}}
		if _, err := secrets.Create(ctx, secret, meta1.CreateOptions{}); err != nil {
			return err
		}
	}
	list := pager.New(func(ctx context.Context, options meta1.ListOptions) (runtime.Object, error) {
		return secrets.List(ctx, options)
	})
	list.PageSize = 3
	count := 0
	err := list.EachListItem(ctx, meta1.ListOptions{LabelSelector: "paged=yes"}, func(object runtime.Object) error {
		secret := object.(*core.Secret)
		if secret.Data["key"][0] != byte(count) {
			return fmt.Errorf("%s came as number %d", secret.Name, count)
		}
		count++
		return nil
	})
	if err == nil && count != 10 {
		err = fmt.Errorf("the pages had %d items", count)
	}
	return err
}
