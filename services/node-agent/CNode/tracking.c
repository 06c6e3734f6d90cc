#define _GNU_SOURCE
#include "CNode.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TYPE = NLA_TYPE_MASK, CAPACITY = 256 };

static const struct nlattr *find(const struct nlattr *first, size_t size, int type) {
    const char *at = (const char *)first, *end = at + size;
    while (end - at >= (long)sizeof(struct nlattr)) {
        const struct nlattr *attribute = (const struct nlattr *)at;
        if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > end - at) return NULL;
        if ((attribute->nla_type & TYPE) == type) return attribute;
        at += NLA_ALIGN(attribute->nla_len);
    }
    return NULL;
}

static const struct nlattr *inside(const struct nlattr *outer, int type) {
    if (!outer) return NULL;
    return find((const struct nlattr *)((const char *)outer + NLA_HDRLEN), (size_t)(outer->nla_len - NLA_HDRLEN), type);
}

/* The 1, 2 or 4 bytes of an attribute as a number in network byte order; 0 when it is missing. */
static uint32_t number(const struct nlattr *attribute) {
    if (!attribute) return 0;
    const char *data = (const char *)attribute + NLA_HDRLEN;
    uint32_t four = 0;
    uint16_t two = 0;
    switch (attribute->nla_len - NLA_HDRLEN) {
    case 1: return (uint8_t)*data;
    case 2: memcpy(&two, data, 2); return two;
    case 4: memcpy(&four, data, 4); return four;
    default: return 0;
    }
}

/* True for a UDP conversation with the Service whose answers come from the backend. */
static int matches(const struct nlattr *original, const struct nlattr *reply, uint32_t service, uint16_t port,
                   uint32_t backend) {
    const struct nlattr *to = inside(original, CTA_TUPLE_IP), *how = inside(original, CTA_TUPLE_PROTO);
    return number(inside(how, CTA_PROTO_NUM)) == IPPROTO_UDP && (service == 0 || number(inside(to, CTA_IP_V4_DST)) == service)
        && number(inside(how, CTA_PROTO_DST_PORT)) == port
        && (backend == 0 || number(inside(inside(reply, CTA_TUPLE_IP), CTA_IP_V4_SRC)) == backend);
}

static int forget(int fd, const struct nlattr *original) {
    struct {
        struct nlmsghdr header;
        struct nfgenmsg family;
        char tuple[CAPACITY];
    } request;
    if (original->nla_len > CAPACITY) return -EMSGSIZE;
    memset(&request, 0, sizeof request);
    request.header.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
    request.header.nlmsg_flags = NLM_F_REQUEST;
    request.family.nfgen_family = AF_INET;
    memcpy(request.tuple, original, original->nla_len);
    request.header.nlmsg_len = (uint32_t)(sizeof request.header + sizeof request.family + NLA_ALIGN(original->nla_len));
    return send(fd, &request, request.header.nlmsg_len, 0) < 0 ? -errno : 0;
}

int node_forget_conversations(uint32_t service, uint16_t port, uint32_t backend) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    /* Deletions go through a socket of their own, so that their answers do not mix with the list. */
    int other = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    struct {
        struct nlmsghdr header;
        struct nfgenmsg family;
    } request;
    memset(&request, 0, sizeof request);
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.family.nfgen_family = AF_INET;
    int count = fd < 0 || other < 0 || send(fd, &request, sizeof request, 0) < 0 ? -errno : 0;
    static const size_t offset = NLMSG_ALIGN(sizeof(struct nfgenmsg));
    while (count >= 0) {
        char buffer[32768] __attribute__((aligned(__alignof__(struct nlmsghdr))));
        ssize_t size = recv(fd, buffer, sizeof buffer, 0);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) count = -errno;
        int done = size <= 0;
        for (struct nlmsghdr *header = (struct nlmsghdr *)buffer; !done && NLMSG_OK(header, size);
             header = NLMSG_NEXT(header, size)) {
            if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) {
                done = 1;
                continue;
            }
            const struct nlattr *first = (const struct nlattr *)((char *)NLMSG_DATA(header) + offset);
            size_t length = header->nlmsg_len - NLMSG_HDRLEN - offset;
            const struct nlattr *original = find(first, length, CTA_TUPLE_ORIG);
            if (!original
                || !matches(original, find(first, length, CTA_TUPLE_REPLY), htonl(service), htons(port), htonl(backend)))
                continue;
            if (forget(other, original) == 0) count++;
        }
        if (done) break;
    }
    if (fd >= 0) close(fd);
    if (other >= 0) close(other);
    return count;
}
