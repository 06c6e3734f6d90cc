#define _GNU_SOURCE
#include "CNode.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ipc_request {
    const char *path, *queues, *setting, *text;
    int result;
};

/* The work is done by threads of their own: they end in the namespace, the caller stays where it is. */
static int run(void *(*work)(void *), struct ipc_request request) {
    pthread_t thread;
    int error = pthread_create(&thread, NULL, work, &request);
    if (error != 0) return -error;
    pthread_join(thread, NULL);
    return request.result;
}

static void *create(void *argument) {
    struct ipc_request *request = argument;
    int fd = open(request->path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0400);
    if (fd < 0) {
        request->result = -errno;
        return NULL;
    }
    close(fd);
    char own[64];
    snprintf(own, sizeof own, "/proc/self/task/%d/ns/ipc", (int)syscall(SYS_gettid));
    if (unshare(CLONE_NEWIPC) != 0 || mount(own, request->path, NULL, MS_BIND, NULL) != 0) {
        request->result = -errno;
        return NULL;
    }
    if (mount("mqueue", request->queues, "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) {
        request->result = -errno;
        umount2(request->path, MNT_DETACH | UMOUNT_NOFOLLOW);
    }
    return NULL;
}

int node_create_ipc_namespace(const char *path, const char *queues) {
    return run(create, (struct ipc_request){.path = path, .queues = queues});
}

static void *set(void *argument) {
    struct ipc_request *request = argument;
    int namespace = open(request->path, O_RDONLY | O_CLOEXEC);
    if (namespace < 0 || setns(namespace, CLONE_NEWIPC) != 0) request->result = -errno;
    if (namespace >= 0) close(namespace);
    if (request->result != 0) return NULL;
    int fd = open(request->setting, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, request->text, strlen(request->text)) < 0) request->result = -errno;
    if (fd >= 0) close(fd);
    return NULL;
}

int node_write_in_ipc(const char *path, const char *setting, const char *text) {
    return run(set, (struct ipc_request){.path = path, .setting = setting, .text = text});
}
