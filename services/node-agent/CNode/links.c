#define _GNU_SOURCE
#include "CNode.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One request to the kernel, grown attribute by attribute. */
struct request {
    struct nlmsghdr header;
    char body[1000];
};

static void begin(struct request *request, int type, int flags, const void *body, size_t size) {
    memset(request, 0, sizeof *request);
    request->header.nlmsg_type = (uint16_t)type;
    request->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    request->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
    memcpy(NLMSG_DATA(&request->header), body, size);
}

static struct rtattr *add(struct request *request, int type, const void *data, size_t size) {
    struct rtattr *attribute = (struct rtattr *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));
    attribute->rta_type = (uint16_t)type;
    attribute->rta_len = (uint16_t)RTA_LENGTH(size);
    if (size > 0) memcpy(RTA_DATA(attribute), data, size);
    request->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len));
    return attribute;
}

static void finish(struct request *request, struct rtattr *attribute) {
    attribute->rta_len = (uint16_t)((char *)request + request->header.nlmsg_len - (char *)attribute);
}

/* Sends a request and waits for what the kernel says of it. */
static int talk(int fd, struct request *request) {
    if (send(fd, request, request->header.nlmsg_len, 0) < 0) return -errno;
    char answer[4096] __attribute__((aligned(__alignof__(struct nlmsghdr))));
    ssize_t size;
    do {
        size = recv(fd, answer, sizeof answer, 0);
    } while (size < 0 && errno == EINTR);
    if (size < 0) return -errno;
    const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
    if (!NLMSG_OK(header, size) || header->nlmsg_type != NLMSG_ERROR) return -EPROTO;
    return ((const struct nlmsgerr *)NLMSG_DATA(header))->error;
}

struct link_request {
    const char *namespace, *device, *bridge;
    uint32_t address, gateway; /* network byte order */
    int isolated, result;
};

static int make_pair(int fd, const struct link_request *link, int namespace) {
    struct request request;
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
    begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof info);
    uint32_t bridge = if_nametoindex(link->bridge);
    if (bridge == 0) return -ENODEV;
    add(&request, IFLA_IFNAME, link->device, strlen(link->device) + 1);
    struct rtattr *kind = add(&request, IFLA_LINKINFO, NULL, 0);
    add(&request, IFLA_INFO_KIND, "veth", 4);
    struct rtattr *data = add(&request, IFLA_INFO_DATA, NULL, 0);
    struct rtattr *peer = add(&request, VETH_INFO_PEER, &info, sizeof info);
    add(&request, IFLA_IFNAME, "eth0", 5);
    add(&request, IFLA_NET_NS_FD, &namespace, sizeof namespace);
    finish(&request, peer);
    finish(&request, data);
    finish(&request, kind);
    int result = talk(fd, &request);
    if (result != 0) return result;

    info.ifi_index = (int)if_nametoindex(link->device);
    info.ifi_flags = info.ifi_change = IFF_UP;
    begin(&request, RTM_NEWLINK, 0, &info, sizeof info);
    add(&request, IFLA_MASTER, &bridge, sizeof bridge);
    result = talk(fd, &request);
    if (result != 0) return result;

    struct ifinfomsg port = {.ifi_family = AF_BRIDGE, .ifi_index = info.ifi_index};
    uint8_t on = 1;
    begin(&request, RTM_SETLINK, 0, &port, sizeof port);
    struct rtattr *options = add(&request, IFLA_PROTINFO | NLA_F_NESTED, NULL, 0);
    add(&request, link->isolated ? IFLA_BRPORT_ISOLATED : IFLA_BRPORT_MODE, &on, 1);
    finish(&request, options);
    return talk(fd, &request);
}

static int configure_inside(const struct link_request *link) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) return -errno;
    struct request request;
    int index = (int)if_nametoindex("eth0");
    struct ifaddrmsg address = {.ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = (uint32_t)index};
    begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &address, sizeof address);
    add(&request, IFA_LOCAL, &link->address, 4);
    add(&request, IFA_ADDRESS, &link->address, 4);
    int result = talk(fd, &request);
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    begin(&request, RTM_NEWLINK, 0, &info, sizeof info);
    if (result == 0) result = talk(fd, &request);
    for (int i = 0; i < 2 && result == 0; i++) {
        /* To the gateway alone first, then to everything through it. */
        struct rtmsg route = {
            .rtm_family = AF_INET, .rtm_dst_len = i ? 0 : 32, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_BOOT,
            .rtm_scope = i ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK, .rtm_type = RTN_UNICAST};
        begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &route, sizeof route);
        add(&request, i ? RTA_GATEWAY : RTA_DST, &link->gateway, 4);
        add(&request, RTA_OIF, &index, sizeof index);
        result = talk(fd, &request);
    }
    close(fd);
    return result;
}

static void *link_pod(void *argument) {
    struct link_request *link = argument;
    int namespace = open(link->namespace, O_RDONLY | O_CLOEXEC);
    if (namespace < 0) {
        link->result = -errno;
        return NULL;
    }
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    link->result = fd < 0 ? -errno : make_pair(fd, link, namespace);
    if (fd >= 0) close(fd);
    if (link->result == 0 && setns(namespace, CLONE_NEWNET) != 0) link->result = -errno;
    close(namespace);
    if (link->result == 0) link->result = configure_inside(link);
    return NULL;
}

int node_link_pod(const char *namespace, const char *device, const char *bridge, uint32_t address, uint32_t gateway,
                  int isolated) {
    /* A thread of its own: it ends in the pod's network. */
    struct link_request request = {namespace, device, bridge, htonl(address), htonl(gateway), isolated, 0};
    pthread_t thread;
    int error = pthread_create(&thread, NULL, link_pod, &request);
    if (error != 0) return -error;
    pthread_join(thread, NULL);
    return request.result;
}

int node_remove_link(const char *device) {
    int index = (int)if_nametoindex(device);
    if (index == 0) return -ENODEV;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) return -errno;
    struct request request;
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = index};
    begin(&request, RTM_DELLINK, 0, &info, sizeof info);
    int result = talk(fd, &request);
    close(fd);
    return result;
}
