#define _GNU_SOURCE
#include "CNode.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum { USERS = 65536 };

/* Opens a user namespace in which number 0 is `base`; a child that only waits holds it until it is open. */
static int open_user_namespace(uint32_t base) {
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) != 0) return -errno;
    pid_t child = fork();
    if (child < 0) {
        int error = errno;
        close(ready[0]);
        close(ready[1]);
        return -error;
    }
    if (child == 0) {
        char result = unshare(CLONE_NEWUSER) == 0 ? 0 : (char)errno;
        if (write(ready[1], &result, 1) != 1) _exit(1);
        while (result == 0) pause();
        _exit(1);
    }
    close(ready[1]);
    char result = EPERM;
    ssize_t size = read(ready[0], &result, 1);
    close(ready[0]);
    int fd = size == 1 ? -result : -EPERM;
    char path[64], line[64];
    int length = snprintf(line, sizeof line, "0 %u %d\n", base, USERS);
    for (int i = 0; fd == 0 && i < 2; i++) {
        snprintf(path, sizeof path, "/proc/%d/%s", (int)child, i ? "gid_map" : "uid_map");
        int map = open(path, O_WRONLY | O_CLOEXEC);
        if (map < 0 || write(map, line, (size_t)length) != length) fd = -errno;
        if (map >= 0) close(map);
    }
    if (fd == 0) {
        snprintf(path, sizeof path, "/proc/%d/ns/user", (int)child);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) fd = -errno;
    }
    kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    return fd;
}

/* Opens a copy of the mount that `source` lies in, not attached anywhere, with owners shifted by `base`. */
static int open_shifted(const char *source, uint32_t base) {
    int users = open_user_namespace(base);
    if (users < 0) return users;
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    int result = tree < 0 ? -errno : tree;
    if (tree >= 0) {
        struct mount_attr change;
        memset(&change, 0, sizeof change);
        change.attr_set = MOUNT_ATTR_IDMAP;
        change.userns_fd = (uint64_t)users;
        if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &change, sizeof change) != 0) {
            result = -errno;
            close(tree);
        }
    }
    close(users);
    return result;
}

int node_mount_shifted(const char *source, const char *target, uint32_t base) {
    int tree = open_shifted(source, base);
    if (tree < 0) return tree;
    int result = 0;
    if (syscall(SYS_move_mount, tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) != 0) result = -errno;
    close(tree);
    return result;
}

int node_can_shift(const char *source) {
    int tree = open_shifted(source, 1u << 30);
    if (tree < 0) return tree;
    close(tree);
    return 0;
}

int node_file_system(const char *path, uint64_t *kind, uint64_t *device) {
    struct statfs system;
    struct stat info;
    if (statfs(path, &system) != 0 || stat(path, &info) != 0) return -errno;
    *kind = (uint64_t)system.f_type;
    *device = (uint64_t)info.st_dev;
    return 0;
}

int node_shift_owners(const char *path, uint32_t base) {
    char *roots[] = {(char *)path, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
    if (!tree) return -errno;
    int result = 0;
    for (FTSENT *entry; (entry = fts_read(tree));) {
        if (entry->fts_info == FTS_DP || !entry->fts_statp) continue;
        const struct stat *info = entry->fts_statp;
        if (info->st_uid >= USERS || info->st_gid >= USERS) continue;
        if (lchown(entry->fts_path, info->st_uid + base, info->st_gid + base) != 0) result = -errno;
        /* Changing the owner takes these bits away. */
        if (S_ISDIR(info->st_mode) && info->st_mode & 07000) chmod(entry->fts_path, info->st_mode & 07777);
    }
    fts_close(tree);
    return result;
}

struct network_request {
    const char *namespace, *path, *text;
    int result;
};

static void *inside_network(void *argument) {
    struct network_request *request = argument;
    int namespace = open(request->namespace, O_RDONLY | O_CLOEXEC);
    if (namespace < 0 || setns(namespace, CLONE_NEWNET) != 0) request->result = -errno;
    if (namespace >= 0) close(namespace);
    if (request->result != 0) return NULL;
    if (!request->text) {
        if (mount("sysfs", request->path, "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL) != 0)
            request->result = -errno;
        return NULL;
    }
    int fd = open(request->path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, request->text, strlen(request->text)) < 0) request->result = -errno;
    if (fd >= 0) close(fd);
    return NULL;
}

static int run_inside_network(struct network_request request) {
    pthread_t thread;
    int error = pthread_create(&thread, NULL, inside_network, &request);
    if (error != 0) return -error;
    pthread_join(thread, NULL);
    return request.result;
}

int node_mount_sysfs(const char *namespace, const char *target) {
    return run_inside_network((struct network_request){namespace, target, NULL, 0});
}

int node_write_in_network(const char *namespace, const char *path, const char *text) {
    return run_inside_network((struct network_request){namespace, path, text, 0});
}
