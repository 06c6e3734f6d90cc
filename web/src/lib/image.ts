/** What a container image reference means to a person. */

export interface ImageDescription {
    title: string;
    detail: string;
    /** Last part of the path with its tag: what a table shows. */
    short: string;
    tag: string;
}

const known: [RegExp, string, string][] = [
    [/jupyter-minimal/, "JupyterLab", "A bare Python kernel; install what you need."],
    [/jupyter-scipy/, "JupyterLab SciPy", "NumPy, pandas, Matplotlib, scikit-learn."],
    [/jupyter-pytorch-cuda-full/, "JupyterLab PyTorch GPU, full", "PyTorch with CUDA and the data science libraries."],
    [/jupyter-pytorch-cuda/, "JupyterLab PyTorch GPU", "PyTorch with CUDA."],
    [/jupyter-pytorch-full/, "JupyterLab PyTorch, full", "PyTorch and the data science libraries."],
    [/jupyter-pytorch/, "JupyterLab PyTorch", "PyTorch on the CPU."],
    [/jupyter-tensorflow-cuda-full/, "JupyterLab TensorFlow GPU, full", "TensorFlow with CUDA and the data science libraries."],
    [/jupyter-tensorflow-cuda/, "JupyterLab TensorFlow GPU", "TensorFlow with CUDA."],
    [/jupyter-tensorflow-full/, "JupyterLab TensorFlow, full", "TensorFlow and the data science libraries."],
    [/jupyter-tensorflow/, "JupyterLab TensorFlow", "TensorFlow on the CPU."],
    [/codeserver-python/, "VS Code with Python", "code-server with the Python extension."],
    [/codeserver|code-server/, "VS Code", "code-server in the browser."],
    [/rstudio-tidyverse/, "RStudio tidyverse", "RStudio with the tidyverse packages."],
    [/rstudio/, "RStudio", "R in the browser."],
    [/jupyter/, "JupyterLab", "A Jupyter server."],
    [/^python$/, "Python", "A plain Python environment."],
];

/** Splits "registry/path/name:tag@digest"; a port in the registry is not a tag. */
export function splitImage(image: string): { path: string; name: string; tag: string } {
    const bare = image.trim().replace(/@sha256:[0-9a-f]+$/, "");
    const slash = bare.lastIndexOf("/");
    const colon = bare.indexOf(":", slash + 1);
    const path = colon < 0 ? bare : bare.slice(0, colon);
    return { path, name: path.slice(path.lastIndexOf("/") + 1), tag: colon < 0 ? "" : bare.slice(colon + 1) };
}

export function describeImage(image: string): ImageDescription {
    const { name, tag } = splitImage(image);
    const found = known.find(([pattern]) => pattern.test(name));
    const short = tag ? `${name}:${tag}` : name;
    return { title: found?.[1] ?? name, detail: found?.[2] ?? image, short, tag: tag || "latest" };
}

/** Why this cannot be an image reference, or `null`. The registry has the last word; this catches slips. */
export function imageProblem(image: string): string | null {
    const text = image.trim();
    if (text === "") return "Name an image.";
    if (/\s/.test(text)) return "An image name has no spaces.";
    const reference = /^[a-z0-9][a-z0-9.-]*(:\d+)?(\/[a-z0-9._-]+)*(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/;
    return reference.test(text) ? null : "This is not an image reference: write registry/path/name:tag.";
}
