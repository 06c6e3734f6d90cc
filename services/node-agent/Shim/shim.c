/* container-shim: the parent of one container. It outlives the node agent, writes what the container prints to a log
 * file in the format of the container runtime interface, and records how the container ended.
 *
 *   container-shim STATE ID CRUN CRUN-ROOT CGROUP LOG [MODE]
 *
 * CGROUP is empty where control groups cannot be used.
 * MODE is made of letters: `i` the container has an input, `o` which ends with the first who typed, `t` a terminal.
 *
 *   container-shim bound MOST          a hook of crun's: see bound()
 *   container-shim pause PROC          see pause_pod()
 *
 * STATE is a directory that holds the bundle (config.json, rootfs) and receives:
 *   shim      "PID START-TIME" of this process, to tell it from a later process with the same number
 *   pid       of the container's first process
 *   started   time at which the program was started
 *   exit      "CODE SIGNAL OOM TIME", last of all
 *   attach    a socket, see attach.c
 * The command returns when the program was started (0) or could not be (1, with the reason on standard error). */
#define _GNU_SOURCE
#include "attach.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOG_LIMIT = 10 * 1024 * 1024, LOG_FILES = 5, LINE_LIMIT = 16 * 1024 };

static const char *state, *id, *crun, *crun_root, *cgroup_path, *log_path, *mode = "";

static void time_text(char *text, size_t size) {
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t length = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + length, size - length, ".%09ldZ", now.tv_nsec);
}

/* Writes a file of the state directory so that it appears whole or not at all. It has to outlive the agent, not the
 * machine: after a power cut there is no container that it could tell of. */
static void record(const char *name, const char *text) {
    char path[4096], temporary[4096];
    snprintf(path, sizeof path, "%s/%s", state, name);
    snprintf(temporary, sizeof temporary, "%s/.%s", state, name);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return;
    ssize_t written = write(fd, text, strlen(text));
    (void)written;
    close(fd);
    rename(temporary, path);
}

/* How the container ended is told even when the disk is full: its place is taken at the start. */
static void reserve_record(const char *name) {
    char path[4096], space[256];
    memset(space, ' ', sizeof space);
    snprintf(path, sizeof path, "%s/.%s", state, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return;
    ssize_t written = write(fd, space, sizeof space);
    (void)written;
    close(fd);
}

static void record_reserved(const char *name, const char *text) {
    char path[4096], temporary[4096];
    snprintf(path, sizeof path, "%s/%s", state, name);
    snprintf(temporary, sizeof temporary, "%s/.%s", state, name);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return;
    ssize_t length = pwrite(fd, text, strlen(text), 0);
    if (length < 0 || ftruncate(fd, length) != 0) length = 0;
    close(fd);
    rename(temporary, path);
}

static long read_text(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t length = read(fd, text, size - 1);
    close(fd);
    if (length < 0) return -1;
    text[length] = 0;
    return length;
}

static void record_self(void) {
    char text[1024], line[64];
    unsigned long long start = 0;
    if (read_text("/proc/self/stat", text, sizeof text) > 0) {
        char *at = strrchr(text, ')');
        for (int field = 2; at && field < 22; field++) at = strchr(at + 1, ' ');
        if (at) start = strtoull(at, NULL, 10);
    }
    snprintf(line, sizeof line, "%d %llu\n", (int)getpid(), start);
    record("shim", line);
}

/* ---- the log ---- */

struct stream {
    int fd;
    const char *name;
    int number;
    size_t used;
    char line[LINE_LIMIT];
};

static int log_fd = -1;
static off_t log_size;

static void open_log(void) {
    log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    struct stat info;
    log_size = log_fd >= 0 && fstat(log_fd, &info) == 0 ? info.st_size : 0;
}

static void rotate_log(void) {
    char from[4096], to[4096];
    for (int number = LOG_FILES - 1; number >= 1; number--) {
        if (number > 1) snprintf(from, sizeof from, "%s.%d", log_path, number - 1);
        else snprintf(from, sizeof from, "%s", log_path);
        snprintf(to, sizeof to, "%s.%d", log_path, number);
        rename(from, to);
    }
    close(log_fd);
    open_log();
}

static char batch[3 * LINE_LIMIT];
static size_t batch_used;

static void flush_batch(void) {
    size_t done = 0;
    while (log_fd >= 0 && done < batch_used) {
        ssize_t size = write(log_fd, batch + done, batch_used - done);
        if (size < 0) {
            if (errno == EINTR) continue;
            break; /* disk full: the container goes on, these lines are lost */
        }
        done += (size_t)size;
    }
    log_size += (off_t)done;
    batch_used = 0;
    if (log_size >= LOG_LIMIT) rotate_log();
}

static void emit(struct stream *stream, const char *time, char kind) {
    if (batch_used + stream->used + 64 > sizeof batch) flush_batch();
    batch_used += (size_t)snprintf(batch + batch_used, 64, "%s %s %c ", time, stream->name, kind);
    memcpy(batch + batch_used, stream->line, stream->used);
    batch_used += stream->used;
    batch[batch_used++] = '\n';
    stream->used = 0;
}

/* Reads once; returns 0 at the end of the stream. */
static int take(struct stream *stream) {
    static char chunk[4 * LINE_LIMIT];
    ssize_t size = read(stream->fd, chunk, sizeof chunk);
    if (size < 0) return errno == EINTR || errno == EAGAIN;
    char time[64];
    time_text(time, sizeof time);
    if (size > 0) attach_write(stream->number, chunk, (size_t)size);
    for (const char *at = chunk, *end = chunk + (size > 0 ? size : 0); at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        while (at < stop) {
            if (stream->used == sizeof stream->line) emit(stream, time, 'P');
            size_t room = sizeof stream->line - stream->used, left = (size_t)(stop - at);
            size_t count = left < room ? left : room;
            memcpy(stream->line + stream->used, at, count);
            stream->used += count;
            at += count;
        }
        if (!newline) break;
        /* A terminal writes CR LF where the program wrote LF. */
        if (strchr(mode, 't') && stream->used > 0 && stream->line[stream->used - 1] == '\r') stream->used--;
        emit(stream, time, 'F');
        at++;
    }
    if (size == 0 && stream->used > 0) emit(stream, time, 'F');
    flush_batch();
    return size != 0;
}

/* ---- crun ---- */

/* The signal that ended crun, 0 when it ended by itself. */
static int crun_signal;

/* Runs crun to its end with these standard streams (-1: /dev/null). */
static int run_crun(const char *verb, char *const extra[], int in, int out, int err) {
    pid_t child = fork();
    if (child < 0) return -1;
    if (child == 0) {
        char log_option[4200], root_option[4200];
        const char *argv[24];
        int count = 0, null = open("/dev/null", O_RDWR);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        signal(SIGINT, SIG_DFL);
        signal(SIGHUP, SIG_DFL);
        dup2(in >= 0 ? in : null, 0);
        dup2(out >= 0 ? out : null, 1);
        dup2(err >= 0 ? err : null, 2);
        snprintf(log_option, sizeof log_option, "--log=file:%s/crun.log", state);
        snprintf(root_option, sizeof root_option, "--root=%s", crun_root);
        argv[count++] = crun;
        argv[count++] = *cgroup_path ? "--cgroup-manager=cgroupfs" : "--cgroup-manager=disabled";
        argv[count++] = root_option;
        argv[count++] = log_option;
        argv[count++] = verb;
        while (*extra) argv[count++] = *extra++;
        argv[count] = NULL;
        syscall(SYS_close_range, 3, ~0U, 0);
        execv(crun, (char *const *)argv);
        _exit(127);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    crun_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void delete_container(void) {
    char *arguments[] = {"-f", (char *)id, NULL};
    run_crun("delete", arguments, -1, -1, -1);
}

/* True when the kernel killed a process of the container for lack of memory. */
static int was_out_of_memory(void) {
    if (!*cgroup_path) return 0;
    const char *formats[] = {"/sys/fs/cgroup/memory%s/memory.oom_control", "/sys/fs/cgroup%s/memory.events"};
    for (int i = 0; i < 2; i++) {
        char path[4096], text[1024];
        snprintf(path, sizeof path, formats[i], cgroup_path);
        if (read_text(path, text, sizeof text) <= 0) continue;
        char *at = strstr(text, "oom_kill ");
        if (at && atoi(at + 9) > 0) return 1;
    }
    return 0;
}

static _Noreturn void fail(int report, const char *message) {
    char text[8192];
    char path[4096];
    long length = 0;
    snprintf(path, sizeof path, "%s/crun.log", state);
    if (!message) {
        length = read_text(path, text, sizeof text);
        message = length > 0 ? text : "crun failed without a message";
    }
    ssize_t written = write(report, message, strlen(message));
    (void)written;
    _exit(1);
}

/* Takes the terminal that crun made; -1 when none comes. */
static int receive_terminal(int console) {
    struct pollfd polled = {console, POLLIN, 0};
    if (poll(&polled, 1, 10000) <= 0) return -1;
    int connection = accept4(console, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) return -1;
    char byte[256], control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(__alignof__(struct cmsghdr))));
    struct iovec part = {byte, sizeof byte};
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t size = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    close(connection);
    struct cmsghdr *header = size >= 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return -1;
    int terminal;
    memcpy(&terminal, CMSG_DATA(header), sizeof terminal);
    return terminal;
}

/* The streams on our side. */
struct ends {
    int in, out, err;
};

/* Makes the container and starts it, with one run of crun; leaves when that fails. What it writes waits in its pipes. */
static struct ends run_container(int report) {
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1}, console = -1;
    int has_terminal = strchr(mode, 't') != NULL;
    char path[4096], socket_path[4096];
    snprintf(path, sizeof path, "%s/pid", state);
    snprintf(socket_path, sizeof socket_path, "%s/console", state);
    char *plain[] = {"--detach", "--bundle", (char *)state, "--pid-file", path, (char *)id, NULL};
    char *with_terminal[] = {"--detach",         "--bundle",  (char *)state, "--pid-file", path,
                             "--console-socket", socket_path, (char *)id,    NULL};
    if (has_terminal) {
        console = listen_in(state, "console");
        if (console < 0) fail(report, strerror(errno));
    } else {
        if (strchr(mode, 'i') && pipe2(in, O_CLOEXEC) != 0) fail(report, strerror(errno));
        if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) fail(report, strerror(errno));
    }
    int failed = run_crun("run", has_terminal ? with_terminal : plain, in[0], out[1], err[1]);
    if (has_terminal) {
        if (!failed) out[0] = receive_terminal(console);
        if (!failed && strchr(mode, 'i') && out[0] >= 0) in[1] = fcntl(out[0], F_DUPFD_CLOEXEC, 3);
        failed = failed || out[0] < 0;
        close(console);
        unlink(socket_path);
    } else {
        if (in[0] >= 0) close(in[0]);
        close(out[1]);
        close(err[1]);
    }
    if (failed) {
        char killed[128] = "";
        if (crun_signal)
            snprintf(killed, sizeof killed, "crun was killed by signal %d (%s) while it started the container", crun_signal,
                     strsignal(crun_signal));
        delete_container();
        fail(report, killed[0] ? killed : NULL);
    }
    return (struct ends){in[1], out[0], err[0]};
}

static void supervise(int report) {
    char text[256], time[64], path[4096];
    static struct stream streams[2];

    setsid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    record_self();
    open_log();
    struct ends ends = run_container(report);
    attach_open(state, ends.in, strchr(mode, 't') != NULL, strchr(mode, 'o') != NULL);
    snprintf(path, sizeof path, "%s/pid", state);
    pid_t init = 0;
    if (read_text(path, text, sizeof text) > 0) init = atoi(text);
    if (init <= 0) {
        delete_container();
        fail(report, NULL);
    }
    time_text(time, sizeof time);
    reserve_record("exit");
    record("started", time);
    ssize_t written = write(report, "", 1);
    (void)written;
    close(report);

    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    int signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    streams[0].fd = ends.out;
    streams[0].name = "stdout";
    streams[0].number = 1;
    streams[1].fd = ends.err;
    streams[1].name = "stderr";
    streams[1].number = 2;

    int status = 0, ended = 0;
    struct timespec end = {0, 0};
    while (!ended || streams[0].fd >= 0 || streams[1].fd >= 0) {
        int is_behind = attach_is_behind();
        struct pollfd polled[3 + ATTACH_POLLS] = {
            {is_behind ? -1 : streams[0].fd, POLLIN, 0},
            {is_behind ? -1 : streams[1].fd, POLLIN, 0},
            {ended ? -1 : signals, POLLIN, 0}};
        int attached = attach_prepare(polled + 3);
        int ready = poll(polled, 3 + (nfds_t)attached, ended ? 200 : is_behind ? 1000 : 60000);
        for (int i = 0; i < 2; i++) {
            if (polled[i].fd >= 0 && polled[i].revents && !take(&streams[i])) {
                close(streams[i].fd);
                streams[i].fd = -1;
            }
        }
        attach_serve(polled + 3, attached);
        if (polled[2].revents) {
            struct signalfd_siginfo info;
            while (read(signals, &info, sizeof info) > 0) {}
        }
        int one;
        pid_t child;
        while ((child = waitpid(-1, &one, WNOHANG)) > 0) {
            if (child != init) continue;
            status = one;
            ended = 1;
            clock_gettime(CLOCK_MONOTONIC, &end);
        }
        if (child < 0 && errno == ECHILD && !ended) ended = 1, status = 255 << 8;
        if (ended) {
            /* Who still holds the pipes after the first process is gone is not waited for long. */
            struct timespec now;
            clock_gettime(CLOCK_MONOTONIC, &now);
            if (ready == 0 || now.tv_sec - end.tv_sec > 2) break;
        }
    }
    int signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    int code = signal_number ? 128 + signal_number : WEXITSTATUS(status);
    int memory = code == 137 && was_out_of_memory();
    delete_container();
    time_text(time, sizeof time);
    snprintf(text, sizeof text, "%d %d %d %s\n", code, signal_number, memory, time);
    record_reserved("exit", text);
    attach_finish();
}

/* The first process of a pod whose containers share their processes: mounts their /proc, tells its number, and waits for
 * those that lost their parent until it is killed. */
static int pause_pod(const char *proc) {
    int report[2];
    if (unshare(CLONE_NEWPID) != 0 || pipe2(report, O_CLOEXEC) != 0) {
        perror("container-shim: a namespace of processes");
        return 1;
    }
    pid_t child = fork();
    if (child < 0) return 1;
    if (child == 0) {
        char failure = mount("proc", proc, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0 ? 0 : (char)errno;
        int null = open("/dev/null", O_RDWR);
        for (int fd = 0; fd < 3; fd++) dup2(null, fd);
        setsid();
        if (write(report[1], &failure, 1) != 1 || failure != 0 || chdir("/") != 0) _exit(1);
        syscall(SYS_close_range, 3, ~0U, 0);
        prctl(PR_SET_NAME, "pause");
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, NULL);
        while (1) {
            sigwaitinfo(&all, NULL);
            while (waitpid(-1, NULL, WNOHANG) > 0) {}
        }
    }
    close(report[1]);
    char failure = EIO;
    if (read(report[0], &failure, 1) != 1 || failure != 0) {
        fprintf(stderr, "container-shim: /proc: %s\n", strerror(failure));
        return 1;
    }
    printf("%d\n", (int)child);
    return 0;
}

/* Before a container's program begins: limits how many processes its user can have in its namespace of users. crun tells
 * of the container on standard input. */
static int bound(const char *most) {
    char text[64 * 1024];
    size_t used = 0;
    ssize_t size;
    while (used < sizeof text - 1 && (size = read(0, text + used, sizeof text - 1 - used)) > 0) used += (size_t)size;
    text[used] = 0;
    char *at = strstr(text, "\"pid\"");
    at = at ? strchr(at, ':') : NULL;
    int process = at ? atoi(at + 1) : 0;
    struct rlimit limit = {strtoul(most, NULL, 10), strtoul(most, NULL, 10)};
    if (process > 0 && prlimit(process, RLIMIT_NPROC, &limit, NULL) == 0) return 0;
    fprintf(stderr, "container-shim: the processes of the container cannot be bounded: %s\n", strerror(errno));
    return 1;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "bound") == 0) return bound(argv[2]);
    if (argc == 3 && strcmp(argv[1], "pause") == 0) return pause_pod(argv[2]);
    if (argc != 7 && argc != 8) {
        fprintf(stderr, "usage: container-shim STATE ID CRUN CRUN-ROOT CGROUP LOG [MODE]\n");
        return 2;
    }
    state = argv[1];
    id = argv[2];
    crun = argv[3];
    crun_root = argv[4];
    cgroup_path = argv[5];
    log_path = argv[6];
    if (argc == 8) mode = argv[7];

    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) return 1;
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, NULL);
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        return 1;
    }
    if (child == 0) {
        int null = open("/dev/null", O_RDWR);
        for (int fd = 0; fd < 3; fd++) dup2(null, fd);
        int kept = fcntl(report[1], F_DUPFD_CLOEXEC, 3);
        dup2(kept, 3);
        fcntl(3, F_SETFD, FD_CLOEXEC);
        syscall(SYS_close_range, 4, ~0U, 0);
        signal(SIGPIPE, SIG_IGN);
        signal(SIGTERM, SIG_IGN);
        signal(SIGINT, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        if (chdir("/") != 0) _exit(1);
        supervise(3);
        _exit(0);
    }
    close(report[1]);
    char text[8192];
    size_t used = 0;
    ssize_t size;
    while (used < sizeof text && (size = read(report[0], text + used, sizeof text - used)) != 0) {
        if (size < 0 && errno != EINTR) break;
        if (size > 0) used += (size_t)size;
    }
    if (used == 1 && text[0] == 0) return 0;
    if (used == 0) {
        fprintf(stderr, "the supervisor of the container was killed");
        return 1;
    }
    fwrite(text, 1, used, stderr);
    return 1;
}
