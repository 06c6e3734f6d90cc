/** Shapes on the wire, as far as the page reads them. */

export interface ObjectMeta {
    name: string;
    namespace?: string;
    uid?: string;
    resourceVersion?: string;
    creationTimestamp?: string;
    deletionTimestamp?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
}

export interface Me {
    user: string;
    groups: string[];
    namespaces: { namespace: string; role: "owner" | "contributor" | "viewer" }[];
    version: string;
    isAdmin: boolean;
}

export interface Status { phase: string; message?: string; state?: string }

/** One row of the notebooks list. */
export interface NotebookRow {
    name: string;
    namespace: string;
    serverType: string | null;
    age: string;
    last_activity: string | null;
    image: string;
    shortImage: string;
    cpu: string;
    memory: string;
    gpus: { count: number; message: string } | null;
    volumes: string[];
    status: Status;
    metadata: ObjectMeta;
}

export interface KubeEvent {
    metadata: ObjectMeta;
    involvedObject: { kind: string; name: string; namespace?: string };
    type?: string;
    reason?: string;
    message?: string;
    count?: number;
    source?: { component?: string };
    reportingComponent?: string;
    firstTimestamp?: string | null;
    lastTimestamp?: string | null;
    eventTime?: string | null;
}

export interface VolumeRow { name: string; size: string; mode: string; status?: string | Status; usedBy?: string[]; viewer?: { name: string; ready: boolean } | null }

export interface Condition {
    type: string;
    status: string;
    reason?: string;
    message?: string;
    lastTransitionTime?: string;
    lastProbeTime?: string;
}

export interface PodVolume {
    name: string;
    persistentVolumeClaim?: { claimName: string; readOnly?: boolean };
    emptyDir?: { medium?: string; sizeLimit?: string };
    configMap?: { name: string };
    secret?: { secretName: string };
    [source: string]: unknown;
}

export interface Container {
    name: string;
    image: string;
    resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
    volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[];
}

/** The whole object, with the status in our words that the gateway adds. */
export interface Notebook {
    apiVersion?: string;
    metadata: ObjectMeta;
    spec: { template: { spec: { containers: Container[]; volumes?: PodVolume[]; serviceAccountName?: string } } };
    status?: { conditions?: Condition[]; readyReplicas?: number; containerState?: Record<string, unknown> };
    processed_status?: Status;
}

export interface PodDefault { label: string; desc: string; metadata: ObjectMeta }

export interface Quota { hard: Record<string, string>; used: Record<string, string> }

interface Setting<Value> { value: Value; readOnly?: boolean }

export interface ConfiguredVolume {
    mount: string;
    newPvc?: {
        metadata: { name: string };
        spec: { resources?: { requests?: { storage?: string } }; accessModes?: string[]; storageClassName?: string };
    };
    existingSource?: { persistentVolumeClaim?: { claimName: string } };
}

/** `spawnerFormDefaults`: what the form offers; a part that is missing is not offered. */
export interface SpawnerConfig {
    allowCustomImage?: boolean;
    image?: Setting<string> & { options?: string[] };
    imageGroupOne?: Setting<string> & { options?: string[] };
    imageGroupTwo?: Setting<string> & { options?: string[] };
    imagePullPolicy?: Setting<string>;
    cpu?: Setting<string> & { limitFactor?: string };
    memory?: Setting<string> & { limitFactor?: string };
    gpus?: Setting<{ num: string; vendor?: string; vendors?: { limitsKey: string; uiName: string }[] }>;
    workspaceVolume?: Setting<ConfiguredVolume | null>;
    dataVolumes?: Setting<ConfiguredVolume[]>;
    affinityConfig?: Setting<string> & { options?: { configKey: string; displayName: string }[] };
    tolerationGroup?: Setting<string> & { options?: { groupKey: string; displayName: string }[] };
    shm?: Setting<boolean>;
    configurations?: Setting<string[]>;
    environment?: Setting<Record<string, string>>;
}
