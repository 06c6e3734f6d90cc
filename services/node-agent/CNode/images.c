#define _GNU_SOURCE
#include "images.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

extern char **environ;

int node_open_in_root(int root, const char *path, int flags) {
    struct open_how how;
    memset(&how, 0, sizeof how);
    how.flags = (uint64_t)(unsigned)flags | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    return fd >= 0 ? fd : -errno;
}

int node_open_unpacked(const char *program, const char *file, pid_t *process) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, file, O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    /* A decoder whose output nobody wants ends by the usual signal. */
    posix_spawnattr_t attributes;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    char *const arguments[] = {(char *)program, "-dc", NULL};
    int error = posix_spawn(process, program, &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(ends[1]);
    if (error != 0) {
        close(ends[0]);
        return -error;
    }
    return ends[0];
}

int node_wait_process(pid_t process) {
    int status;
    while (waitpid(process, &status, 0) < 0) {
        if (errno != EINTR) return -errno;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct overlay {
    const char *directory, *target, *options;
    int result;
};

static void *mount_overlay(void *argument) {
    struct overlay *overlay = argument;
    /* The working directory is then this thread's alone. */
    if (unshare(CLONE_FS) != 0 || chdir(overlay->directory) != 0 ||
        mount("overlay", overlay->target, "overlay", MS_NODEV, overlay->options) != 0)
        overlay->result = -errno;
    return NULL;
}

int node_mount_overlay(const char *directory, const char *target, const char *options) {
    struct overlay overlay = {directory, target, options, 0};
    pthread_t thread;
    int error = pthread_create(&thread, NULL, mount_overlay, &overlay);
    if (error != 0) return -error;
    pthread_join(thread, NULL);
    return overlay.result;
}

int node_set_attribute(int directory, const char *name, const char *key, const void *value, size_t size) {
    char path[64 + 256];
    if (snprintf(path, sizeof path, "/proc/self/fd/%d/%s", directory, name) >= (int)sizeof path) return -ENAMETOOLONG;
    return lsetxattr(path, key, value, size, 0) == 0 ? 0 : -errno;
}
