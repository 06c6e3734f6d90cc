#define _GNU_SOURCE
#include "include/rootless.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <spawn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Says how a step went by one byte: 0 or an error number. */
static void tell(int fd, int error) {
    char byte = (char)error;
    ssize_t size = write(fd, &byte, 1);
    (void)size;
}

/* Reads what the other side told; an error when it is gone. */
static int hear(int fd) {
    char byte;
    ssize_t size;
    do {
        size = read(fd, &byte, 1);
    } while (size < 0 && errno == EINTR);
    return size == 1 ? -byte : -ECHILD;
}

static int bring_loopback_up(void) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    struct ifreq loopback;
    memset(&loopback, 0, sizeof loopback);
    strcpy(loopback.ifr_name, "lo");
    loopback.ifr_flags = IFF_UP | IFF_RUNNING;
    int result = ioctl(fd, SIOCSIFFLAGS, &loopback) == 0 ? 0 : -errno;
    close(fd);
    return result;
}

/* The user of the namespace who may do everything there, without the groups that the starting user has on the machine. */
static int become_root(void) {
    if (setgroups(0, NULL) != 0 || setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) return -errno;
    /* Taken away with the change of the user; programs that join these namespaces need it. */
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0 ? 0 : -errno;
}

/* All processes of a user namespace together are bounded by what who made it may have: a part of what the user may have, so
 * that no Pod takes the last process from the user's own programs. */
static void leave_processes_to_the_user(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NPROC, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
    limit.rlim_cur -= limit.rlim_cur / 4;
    setrlimit(RLIMIT_NPROC, &limit);
}

static _Noreturn void hold(int fd) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    leave_processes_to_the_user();
    int error = unshare(CLONE_NEWUSER) == 0 ? 0 : errno;
    tell(fd, error);
    if (error != 0 || hear(fd) != 0) _exit(1);
    int result = become_root();
    /* Changed with the user, too. */
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (result == 0 && unshare(CLONE_NEWNET) != 0) result = -errno;
    if (result == 0) result = bring_loopback_up();
    tell(fd, -result);
    hear(fd); /* until nobody needs the namespaces by this process any more */
    _exit(0);
}

int rootless_begin(struct rootless_holder *holder) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return -errno;
    pid_t child = fork();
    if (child < 0) {
        int error = errno;
        close(ends[0]);
        close(ends[1]);
        return -error;
    }
    if (child == 0) {
        close(ends[0]);
        hold(ends[1]);
    }
    close(ends[1]);
    *holder = (struct rootless_holder){child, ends[0]};
    int result = hear(ends[0]);
    if (result != 0) rootless_end(holder);
    return result;
}

int rootless_finish(const struct rootless_holder *holder) {
    tell(holder->channel, 0);
    return hear(holder->channel);
}

void rootless_end(const struct rootless_holder *holder) {
    close(holder->channel);
    kill(holder->process, SIGKILL);
    while (waitpid(holder->process, NULL, 0) < 0 && errno == EINTR) {}
}

static int open_namespace(pid_t process, const char *kind) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)process, kind);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int rootless_join(pid_t process) {
    int user = open_namespace(process, "user"), network = open_namespace(process, "net");
    int result = user < 0 ? user : network < 0 ? network : 0;
    if (result == 0 && setns(user, CLONE_NEWUSER) != 0) result = -errno;
    if (result == 0) result = become_root();
    if (result == 0 && setns(network, CLONE_NEWNET) != 0) result = -errno;
    if (user >= 0) close(user);
    if (network >= 0) close(network);
    return result;
}

int rootless_own_groups(void) { return unshare(CLONE_NEWCGROUP) == 0 ? 0 : -errno; }

int rootless_join_groups(pid_t process) {
    int groups = open_namespace(process, "cgroup");
    if (groups < 0) return groups;
    int result = setns(groups, CLONE_NEWCGROUP) == 0 ? 0 : -errno;
    close(groups);
    return result;
}

/* /run is the machine's, where this root may make nothing: an own one, in which all that is there now is still found. */
static int own_run(void) {
    int old = (int)syscall(SYS_open_tree, AT_FDCWD, "/run", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (old < 0) return -errno;
    int result = 0;
    if (mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=64m") != 0
        || mkdir("/run/.machine", 0755) != 0
        || syscall(SYS_move_mount, old, "", AT_FDCWD, "/run/.machine", MOVE_MOUNT_F_EMPTY_PATH) != 0)
        result = -errno;
    close(old);
    DIR *folder = result == 0 ? opendir("/run/.machine") : NULL;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char source[PATH_MAX], link[PATH_MAX];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        /* A platform of root's own, and its Pods' networks. */
        if (strcmp(entry->d_name, "martlet") == 0 || strcmp(entry->d_name, "netns") == 0) continue;
        snprintf(source, sizeof source, ".machine/%s", entry->d_name);
        snprintf(link, sizeof link, "/run/%s", entry->d_name);
        if (symlink(source, link) != 0) result = -errno;
    }
    if (folder) closedir(folder);
    return result;
}

/* Those of the machine are covered: container runtimes look at them and refuse what they cannot change. */
static int own_view_of_groups(int has_groups) {
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (access("/sys/fs/cgroup", F_OK) != 0) return 0;
    if (mount("tmpfs", "/sys/fs/cgroup", "tmpfs", flags | MS_RDONLY, "size=4k") != 0) return -errno;
    /* Not straight over the machine's: the same file system twice at one place is refused. */
    return has_groups && mount("cgroup2", "/sys/fs/cgroup", "cgroup2", flags, NULL) != 0 ? -errno : 0;
}

int rootless_own_mounts(const char *resolver, int has_groups) {
    char directory[PATH_MAX];
    if (!getcwd(directory, sizeof directory)) strcpy(directory, "/");
    if (unshare(CLONE_NEWNS) != 0) return -errno;
    if (mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) != 0) return -errno;
    int result = own_view_of_groups(has_groups);
    if (result == 0) result = own_run();
    if (result == 0 && resolver && mount(resolver, "/etc/resolv.conf", NULL, MS_BIND, NULL) != 0) result = -errno;
    if (result == 0 && chdir(directory) != 0) result = -errno;
    return result;
}

int rootless_is_permitted(void) {
    pid_t child = fork();
    if (child < 0) return -errno;
    if (child == 0) _exit(unshare(CLONE_NEWUSER) == 0 ? 0 : errno);
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return -errno;
    }
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EPERM;
}

const short rootless_own_session = POSIX_SPAWN_SETSID;

int rootless_open_process(pid_t process) {
    int fd = (int)syscall(SYS_pidfd_open, process, 0);
    return fd < 0 ? -errno : fd;
}
