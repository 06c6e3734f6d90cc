#define _GNU_SOURCE
#include "CPrivileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int result(int code) { return code < 0 ? -errno : 0; }

int privileges_may_isolate(void) {
    pid_t child = fork();
    if (child < 0) return 0;
    if (child == 0) _exit(unshare(CLONE_NEWNS | CLONE_NEWNET) == 0 ? 0 : 1);
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return 0;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int privileges_own_mounts(void) {
    if (unshare(CLONE_NEWNS) != 0) return -errno;
    /* What the host mounts later appears here, too; nothing goes the other way. */
    return result(mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL));
}

int privileges_open_place(const char *path) {
    int fd = open(path, O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int privileges_cover(const char *path) {
    return result(mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0711,size=64k"));
}

int privileges_show(int place, const char *target, int is_read_only) {
    char source[64];
    snprintf(source, sizeof source, "/proc/self/fd/%d", place);
    if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) != 0) return -errno;
    if (!is_read_only) return 0;
    return result(mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL));
}

int privileges_drop(uid_t user, gid_t group, gid_t other_group) {
    if (user == 0) return -EINVAL;
    struct stat threads;
    if (stat("/proc/self/task", &threads) != 0) return -errno;
    if (threads.st_nlink != 3) return -EBUSY; /* `.`, `..` and one thread */
    for (int capability = 0; capability < 64; capability++) {
        /* The kernel refuses numbers that it does not know, which ends the list. */
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) break;
    }
    if (setgroups(1, &other_group) != 0) return -errno;
    if (setresgid(group, group, group) != 0) return -errno;
    if (setresuid(user, user, user) != 0) return -errno;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -errno;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    memset(data, 0, sizeof data);
    if (syscall(SYS_capset, &header, data) != 0) return -errno;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return -errno;
    return setresuid(0, 0, 0) == 0 ? -EPERM : 0;
}
