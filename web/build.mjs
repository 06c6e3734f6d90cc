// Builds the page into web/dist: bundles by esbuild, content hashes in every name, .gz and .br siblings, and an
// index.html that names them. Installs nothing: esbuild, React and ansi_up are Debian packages.
//
//     node web/build.mjs            production build
//     node web/build.mjs --check    also fails when the shell outgrows its budget

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const root = dirname(fileURLToPath(import.meta.url));
const target = join(root, "dist");
// Built beside and moved into place at the end, so that a server never sees half a build.
const work = join(root, "../.build", `web-${process.pid}`);
const shellBudget = 200 * 1024;

rmSync(work, { recursive: true, force: true });
mkdirSync(join(work, "assets"), { recursive: true });
try {
    bundle();
    bundleLibrary();
    const page = writeIndex(JSON.parse(readFileSync(join(work, "meta.json"), "utf8")));
    rmSync(join(work, "meta.json"));
    compressAll(work);
    rmSync(target, { recursive: true, force: true });
    renameSync(work, target);
    report(page);
} finally {
    rmSync(work, { recursive: true, force: true });
}

/** The library of framed applications keeps its name: they load it by that. */
function bundleLibrary() {
    execFileSync("esbuild", [
        "src/dashboard_lib.ts", "--bundle", "--format=iife", "--target=es2020", "--minify", "--log-level=warning",
        `--outfile=${join(work, "dashboard_lib.bundle.js")}`,
    ], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
}

function bundle() {
    const args = [
        "src/main.tsx", "src/theme.ts", "src/styles/main.css",
        "--bundle", "--splitting", "--format=esm", "--target=es2022", "--jsx=automatic", "--minify",
        "--legal-comments=none", "--define:process.env.NODE_ENV=\"production\"", "--log-level=warning",
        "--entry-names=[name]-[hash]", "--chunk-names=[name]-[hash]", "--asset-names=[name]-[hash]",
        "--loader:.svg=file", `--outdir=${join(work, "assets")}`, `--metafile=${join(work, "meta.json")}`,
    ];
    const env = { ...process.env, NODE_PATH: "/usr/share/nodejs:/usr/share/javascript" };
    try {
        execFileSync("esbuild", args, { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] });
    } catch (error) {
        if (error.code !== "ENOENT") throw error;
        throw new Error("esbuild is not installed: apt-get install esbuild node-react node-react-dom node-ansi-up");
    }
}

/** Fills web/public/index.html with the hashed names; every other public file is copied under a hashed name. */
function writeIndex(meta) {
    const built = (entry) => {
        const found = Object.entries(meta.outputs).find(([, output]) => output.entryPoint === entry);
        if (!found) throw new Error(`no output for ${entry}`);
        return { path: found[0], output: found[1] };
    };
    const url = (path) => `/assets/${path.split("/").pop()}`;
    const main = built("src/main.tsx");
    const shared = main.output.imports.filter((one) => one.kind === "import-statement").map((one) => one.path);
    const names = {
        script: url(main.path),
        theme: url(built("src/theme.ts").path),
        style: url(built("src/styles/main.css").path),
        preloads: shared.map((path) => `<link rel="modulepreload" href="${url(path)}">`).join("\n    "),
    };
    for (const name of readdirSync(join(root, "public")).filter((name) => name !== "index.html")) {
        const hash = createHash("sha256").update(readFileSync(join(root, "public", name))).digest("hex").slice(0, 8);
        const hashed = `${name.slice(0, -extname(name).length)}-${hash.toUpperCase()}${extname(name)}`;
        copyFileSync(join(root, "public", name), join(work, "assets", hashed));
        names[name] = `/assets/${hashed}`;
    }
    const html = readFileSync(join(root, "public/index.html"), "utf8").replace(/\{\{([\w.-]+)\}\}/g, (_, key) => {
        if (!(key in names)) throw new Error(`public/index.html asks for {{${key}}}, which nothing makes`);
        return names[key];
    });
    writeFileSync(join(work, "index.html"), html);
    return ["index.html", ...[names.script, names.theme, names.style, ...shared.map(url)].map((one) => one.slice(1))];
}

function filesBelow(folder) {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
        const path = join(folder, entry.name);
        return entry.isDirectory() ? filesBelow(path) : [path];
    });
}

function compressAll(folder) {
    for (const path of filesBelow(folder)) {
        const bytes = readFileSync(path);
        if (bytes.length < 512) continue;
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
        const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params }));
    }
}

function report(shell) {
    const size = (path) => statSync(path, { throwIfNoEntry: false })?.size;
    const sent = (path) => size(`${path}.gz`) ?? size(path);
    const total = filesBelow(target).filter((path) => !/\.(gz|br)$/.test(path));
    const first = shell.reduce((sum, path) => sum + sent(join(target, path)), 0);
    const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
    console.log(`${relative(process.cwd(), target) || "."}: ${total.length} files, shell ${kib(first)} gzip of ${kib(shellBudget)}`);
    if (process.argv.includes("--check") && first > shellBudget) {
        throw new Error("the shell is larger than its budget: load something on demand");
    }
}
