// A disk that does as a test says: preloaded into a server, it looks for files in $DISK_FAULTS.
//   fail-sync: fdatasync and fsync fail with EIO      hold-sync: they wait until the file is gone
//   fail-all:  every way to the disk fails with EIO
// Only files below $DISK_FAULTS_BELOW are meant.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int is_asked(const char *what) {
    char path[4096];
    const char *folder = getenv("DISK_FAULTS");
    if (!folder) return 0;
    snprintf(path, sizeof path, "%s/%s", folder, what);
    return access(path, F_OK) == 0;
}

static int is_meant(int file) {
    char link[64], path[4096];
    const char *below = getenv("DISK_FAULTS_BELOW");
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (!below || length < 0) return 0;
    path[length] = 0;
    return strncmp(path, below, strlen(below)) == 0;
}

static int fails(int file, const char *also) {
    if (!is_meant(file)) return 0;
    if (is_asked("fail-all") || is_asked(also)) {
        errno = EIO;
        return 1;
    }
    return 0;
}

static int sync_with(const char *name, int file) {
    while (is_meant(file) && is_asked("hold-sync")) usleep(1000);
    if (fails(file, "fail-sync")) return -1;
    int (*original)(int) = dlsym(RTLD_NEXT, name);
    return original(file);
}

int fdatasync(int file) { return sync_with("fdatasync", file); }
int fsync(int file) { return sync_with("fsync", file); }

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) {
    if (fails(file, "fail-write")) return -1;
    ssize_t (*original)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
    return original(file, bytes, count, offset);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    if (fails(file, "fail-write")) return -1;
    ssize_t (*original)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite");
    return original(file, bytes, count, offset);
}

int posix_fallocate(int file, off_t offset, off_t size) {
    if (fails(file, "fail-write")) return EIO;
    int (*original)(int, off_t, off_t) = dlsym(RTLD_NEXT, "posix_fallocate");
    return original(file, offset, size);
}
