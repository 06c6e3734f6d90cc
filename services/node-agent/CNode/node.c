#define _GNU_SOURCE
#include "CNode.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

const unsigned long node_mount_bind = MS_BIND | MS_REC;
const unsigned long node_mount_nosuid_nodev = MS_NOSUID | MS_NODEV;

int node_join_mount_namespace(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    char directory[PATH_MAX];
    if (!getcwd(directory, sizeof directory)) strcpy(directory, "/");
    /* Threads share root and working directory; a thread that changes its mount namespace must not. */
    if (unshare(CLONE_FS) != 0 || setns(fd, CLONE_NEWNS) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    close(fd);
    /* setns leads to the root directory; relative paths among the arguments are meant from where we were. */
    if (chdir(directory) != 0 && chdir("/") != 0) return -errno;
    return 0;
}

int node_new_mount_namespace(void) {
    if (unshare(CLONE_FS | CLONE_NEWNS) != 0) return -errno;
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return -errno;
    /* crun refuses hosts with cgroup v1 controllers and a cgroup2 mount beside them. */
    if (access("/sys/fs/cgroup/memory", F_OK) == 0) umount2("/sys/fs/cgroup/unified", MNT_DETACH);
    mkdir("/run/netns", 0755);
    if (mount("tmpfs", "/run/netns", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755") != 0) return -errno;
    return 0;
}

int node_execute_again(char *const argv[], const char *name, const char *value) {
    if (setenv(name, value, 1) != 0) return -errno;
    execv("/proc/self/exe", argv);
    return -errno;
}

struct namespace_request {
    const char *path;
    int result;
};

static void write_setting(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t written = write(fd, text, strlen(text));
    (void)written;
    close(fd);
}

static void *make_network_namespace(void *argument) {
    struct namespace_request *request = argument;
    int fd = open(request->path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (fd < 0) {
        request->result = -errno;
        return NULL;
    }
    close(fd);
    char own[64];
    snprintf(own, sizeof own, "/proc/self/task/%d/ns/net", (int)syscall(SYS_gettid));
    if (unshare(CLONE_NEWNET) != 0 || mount(own, request->path, NULL, MS_BIND, NULL) != 0) {
        request->result = -errno;
        unlink(request->path);
        return NULL;
    }
    int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket_fd >= 0) {
        struct ifreq loopback;
        memset(&loopback, 0, sizeof loopback);
        strcpy(loopback.ifr_name, "lo");
        loopback.ifr_flags = IFF_UP | IFF_RUNNING;
        if (ioctl(socket_fd, SIOCSIFFLAGS, &loopback) != 0) request->result = -errno;
        close(socket_fd);
    }
    write_setting("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    /* The second where there are so many groups. */
    write_setting("/proc/sys/net/ipv4/ping_group_range", "0 65535");
    write_setting("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
    /* Pods are reached through the gateway, whatever anybody says. */
    write_setting("/proc/sys/net/ipv4/conf/all/accept_redirects", "0");
    write_setting("/proc/sys/net/ipv4/conf/default/accept_redirects", "0");
    return NULL;
}

int node_create_network_namespace(const char *path) {
    /* A thread of its own: it ends in the new namespace, the caller stays where it is. */
    struct namespace_request request = {path, 0};
    pthread_t thread;
    int error = pthread_create(&thread, NULL, make_network_namespace, &request);
    if (error != 0) return -error;
    pthread_join(thread, NULL);
    return request.result;
}

int node_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
    return mount(source, target, type, flags, data) == 0 ? 0 : -errno;
}

int node_unmount(const char *target) {
    return umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 ? 0 : -errno;
}

int node_open_beneath(const char *root, const char *relative) {
    int directory = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return -errno;
    struct open_how how;
    memset(&how, 0, sizeof how);
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    int fd = (int)syscall(SYS_openat2, directory, relative, &how, sizeof how);
    int error = errno;
    close(directory);
    return fd >= 0 ? fd : -error;
}

int node_inotify_open(void) {
    int fd = inotify_init1(IN_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

int node_inotify_add(int fd, const char *path, int is_file) {
    uint32_t events = is_file ? IN_MODIFY | IN_MOVE_SELF : IN_MOVED_TO | IN_ONLYDIR;
    int watch = inotify_add_watch(fd, path, events | IN_DELETE_SELF | IN_DONT_FOLLOW);
    return watch >= 0 ? watch : -errno;
}

int node_inotify_remove(int fd, int watch) {
    return inotify_rm_watch(fd, watch) == 0 ? 0 : -errno;
}

int node_inotify_read(int fd, int *watches, int capacity) {
    char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t size;
    do {
        size = read(fd, buffer, sizeof buffer);
    } while (size < 0 && errno == EINTR);
    if (size < 0) return -errno;
    int count = 0;
    for (char *at = buffer; at < buffer + size && count < capacity;) {
        const struct inotify_event *event = (const struct inotify_event *)at;
        watches[count++] = event->wd;
        at += sizeof *event + event->len;
    }
    return count;
}

int node_processes_open(void) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

int node_processes_add(int fd, int process) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = process};
    return epoll_ctl(fd, EPOLL_CTL_ADD, process, &event) == 0 ? 0 : -errno;
}

int node_processes_wait(int fd, int *processes, int capacity) {
    struct epoll_event events[64];
    int count;
    do {
        count = epoll_wait(fd, events, capacity < 64 ? capacity : 64, -1);
    } while (count < 0 && errno == EINTR);
    if (count < 0) return -errno;
    for (int i = 0; i < count; i++) processes[i] = events[i].data.fd;
    return count;
}

uint64_t node_hard_limit_of_files(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (uint64_t)limit.rlim_max : 1024;
}

int node_raise_limit_of_files(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -errno;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? 0 : -errno;
}

int node_statfs(const char *path, uint64_t *total, uint64_t *available) {
    struct statvfs info;
    if (statvfs(path, &info) != 0) return -errno;
    *total = (uint64_t)info.f_blocks * info.f_frsize;
    *available = (uint64_t)info.f_bavail * info.f_frsize;
    return 0;
}

int node_terminal_listen(const char *directory, const char *name) {
    int folder = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return -errno;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    /* Through the descriptor, because the path may be longer than an address. */
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder, name);
    int result = fd;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1) != 0) {
        result = -errno;
        if (fd >= 0) close(fd);
    }
    close(folder);
    return result;
}

int node_terminal_receive(int listener, int milliseconds) {
    struct pollfd polled = {listener, POLLIN, 0};
    if (poll(&polled, 1, milliseconds) <= 0) return -ETIMEDOUT;
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) return -errno;
    char byte[256];
    char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(__alignof__(struct cmsghdr))));
    struct iovec part = {byte, sizeof byte};
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t size;
    do {
        size = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    close(connection);
    struct cmsghdr *header = size >= 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return -EPROTO;
    int terminal;
    memcpy(&terminal, CMSG_DATA(header), sizeof terminal);
    return terminal;
}

void node_terminal_stop(int listener) { shutdown(listener, SHUT_RDWR); }

int node_terminal_resize(int terminal, unsigned short columns, unsigned short rows) {
    struct winsize size;
    memset(&size, 0, sizeof size);
    size.ws_col = columns;
    size.ws_row = rows;
    return ioctl(terminal, TIOCSWINSZ, &size) == 0 ? 0 : -errno;
}

int node_open_process(pid_t process) {
    int fd = (int)syscall(SYS_pidfd_open, process, 0);
    return fd < 0 ? -errno : fd;
}

int node_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC) == 0 ? 0 : -errno; }

int node_set_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 ? 0 : -errno;
}

int node_wait_either(int fd, int for_writing, int other, int milliseconds) {
    struct pollfd polled[2] = {{fd, for_writing ? POLLOUT : POLLIN, 0}, {other, POLLIN, 0}};
    int ready;
    do {
        ready = poll(polled, 2, milliseconds);
    } while (ready < 0 && errno == EINTR);
    if (ready < 0) return -errno;
    return (polled[0].revents != 0) + 2 * (polled[1].revents != 0);
}

int node_device(const char *path, unsigned *kind, unsigned *major_number, unsigned *minor_number) {
    struct stat info;
    if (lstat(path, &info) != 0) return -errno;
    *kind = S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode) ? info.st_mode & S_IFMT : 0;
    *major_number = major(info.st_rdev);
    *minor_number = minor(info.st_rdev);
    return 0;
}

struct connect_request {
    const char *path;
    unsigned short port;
    int result;
};

static void *connect_in_namespace(void *argument) {
    struct connect_request *request = argument;
    int namespace = open(request->path, O_RDONLY | O_CLOEXEC);
    if (namespace < 0 || setns(namespace, CLONE_NEWNET) != 0) {
        request->result = -errno;
        if (namespace >= 0) close(namespace);
        return NULL;
    }
    close(namespace);
    struct sockaddr_in four;
    memset(&four, 0, sizeof four);
    four.sin_family = AF_INET;
    four.sin_port = htons(request->port);
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct sockaddr_in6 six;
    memset(&six, 0, sizeof six);
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(request->port);
    six.sin6_addr = in6addr_loopback;
    const struct timeval limit = {10, 0};
    for (int i = 0; i < 2; i++) {
        int fd = socket(i ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0) continue;
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        const struct sockaddr *address = i ? (struct sockaddr *)&six : (struct sockaddr *)&four;
        if (connect(fd, address, i ? sizeof six : sizeof four) == 0) {
            request->result = fd;
            return NULL;
        }
        if (i == 0) request->result = -errno;
        close(fd);
    }
    return NULL;
}

int node_connect_in_namespace(const char *path, unsigned short port) {
    struct connect_request request = {path, port, -ENETUNREACH};
    pthread_t thread;
    int error = pthread_create(&thread, NULL, connect_in_namespace, &request);
    if (error != 0) return -error;
    pthread_join(thread, NULL);
    return request.result;
}

int node_connect_unix(const char *directory, const char *name) {
    int folder = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return -errno;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder, name);
    int result = fd;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        result = -errno;
        if (fd >= 0) close(fd);
    }
    close(folder);
    return result;
}

uint64_t node_disk_usage(const char *path) {
    char *roots[] = {(char *)path, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
    if (!tree) return 0;
    uint64_t bytes = 0;
    for (FTSENT *entry; (entry = fts_read(tree));) {
        if (entry->fts_info == FTS_DP || !entry->fts_statp) continue;
        if (entry->fts_info == FTS_NS || entry->fts_info == FTS_ERR || entry->fts_info == FTS_DNR) continue;
        /* Half of the names of a file with two count for one. */
        uint64_t links = entry->fts_info == FTS_F && entry->fts_statp->st_nlink > 1 ? entry->fts_statp->st_nlink : 1;
        bytes += (uint64_t)entry->fts_statp->st_blocks * 512 / links;
    }
    fts_close(tree);
    return bytes;
}
