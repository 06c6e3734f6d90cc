/** The calls the pages make, by name. */

import type { PodDefault, Quota, SpawnerConfig, Me, Notebook } from "./types";
import { viewerName } from "../lib/names";
import { getJSON, RequestError, send, sendJSON } from "./client";

const part = encodeURIComponent;

export const me = (signal?: AbortSignal) => getJSON<Me>("/api/me", signal);

export const quota = (namespace: string, signal?: AbortSignal) =>
    getJSON<Quota>(`/api/quota?ns=${part(namespace)}`, signal);

export const spawnerConfig = async (signal?: AbortSignal) =>
    (await getJSON<{ config: SpawnerConfig }>("/jupyter/api/config", signal)).config;

export const gpuVendors = async (signal?: AbortSignal) =>
    (await getJSON<{ vendors: string[] }>("/jupyter/api/gpus", signal)).vendors;

export const podDefaults = async (namespace: string, signal?: AbortSignal) =>
    (await getJSON<{ poddefaults: PodDefault[] }>(`/jupyter/api/namespaces/${part(namespace)}/poddefaults`, signal)).poddefaults;

const notebookURL = (namespace: string, name: string) =>
    `/jupyter/api/namespaces/${part(namespace)}/notebooks/${part(name)}`;

export const notebook = async (namespace: string, name: string, signal?: AbortSignal) =>
    (await getJSON<{ notebook: Notebook }>(notebookURL(namespace, name), signal)).notebook;

export const createNotebook = (namespace: string, form: object) =>
    sendJSON(`/jupyter/api/namespaces/${part(namespace)}/notebooks`, "POST", form);

export const setStopped = (namespace: string, name: string, stopped: boolean) =>
    sendJSON(notebookURL(namespace, name), "PATCH", { stopped });

export const deleteNotebook = (namespace: string, name: string) => sendJSON(notebookURL(namespace, name), "DELETE");

const claims = (namespace: string) => `/api/k8s/api/v1/namespaces/${part(namespace)}/persistentvolumeclaims`;

export const deleteVolume = (namespace: string, name: string) =>
    sendJSON(`${claims(namespace)}/${part(name)}`, "DELETE");

export const createVolume = (namespace: string, name: string, size: string, mode: string) =>
    sendJSON(claims(namespace), "POST", {
        apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name, namespace },
        spec: { accessModes: [mode], resources: { requests: { storage: size } } },
    });

const viewers = (namespace: string) => `/api/k8s/apis/kubeflow.org/v1alpha1/namespaces/${part(namespace)}/pvcviewers`;

interface Viewer { metadata: { name: string }; spec: { pvc: string } }

/** Makes what shows the files of a volume, unless it is there; its name. */
export async function createViewer(namespace: string, volume: string): Promise<string> {
    const name = viewerName(volume);
    const metadata = name ? { name, namespace } : { generateName: "files-", namespace };
    try {
        const made = await sendJSON<Viewer>(viewers(namespace), "POST", {
            apiVersion: "kubeflow.org/v1alpha1", kind: "PVCViewer", metadata, spec: { pvc: volume, rwoScheduling: true },
        });
        return made.metadata.name;
    } catch (error) {
        if (!name || !(error instanceof RequestError) || error.status !== 409) throw error;
        // Somebody else was faster; a viewer of that name for another volume is none of this one's.
        const known = await getJSON<Viewer>(`${viewers(namespace)}/${part(name)}`);
        if (known.spec.pvc !== volume) throw error;
        return name;
    }
}

export const deleteViewer = (namespace: string, name: string) => sendJSON(`${viewers(namespace)}/${part(name)}`, "DELETE");

/** Where the Kubernetes API has a notebook. */
export const notebookResource = (namespace: string, name: string) =>
    `/api/k8s/apis/kubeflow.org/v1/namespaces/${part(namespace)}/notebooks/${part(name)}`;

export async function readYAML(resource: string, signal?: AbortSignal): Promise<string> {
    const accept = "application/yaml";
    return (await send(resource, signal ? { accept, signal } : { accept })).text();
}

/** Unknown and duplicate fields are refused, not dropped: a slip of the pen must not look like success. */
export async function writeYAML(resource: string, text: string, dryRun: boolean): Promise<string> {
    const query = `?fieldValidation=Strict&fieldManager=martlet-web${dryRun ? "&dryRun=All" : ""}`;
    const type = "application/yaml";
    return (await send(resource + query, { method: "PUT", body: text, contentType: type, accept: type })).text();
}

/** Signs out; where the browser has to go next, which may be an identity provider, to be signed out there, too. */
export const signOut = async () => (await sendJSON<{ redirect?: string }>("/logout", "POST")).redirect ?? "/";
