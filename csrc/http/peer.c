/* peer.c: who is at the other end of a connection, for policies that ask (aws:SourceIp) and for functions. */
#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/internal.h"

static const char MAPPED[] = "::ffff:"; /* an IPv4 client of a socket for both */
static const char FRONT[] = "\0" CC_HTTP_FRONT;

/* Nobody else may say for whom they speak. */
static bool is_of_this_process(int descriptor) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == getpid();
}

static void take_front(const char *name, size_t size, char *out) {
    const size_t before = sizeof FRONT - 1;
    if (size <= before || memcmp(name, FRONT, before) != 0)
        return;
    const char *end = memchr(name + before, '/', size - before);
    size_t length = end == NULL ? INET6_ADDRSTRLEN : (size_t)(end - name) - before;
    if (length >= INET6_ADDRSTRLEN)
        return;
    memcpy(out, name + before, length);
    out[length] = 0;
}

void cc_peer_name(int descriptor, const struct sockaddr_storage *from, socklen_t size, char *out) {
    out[0] = 0;
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *found = (const struct sockaddr_in *)from;
        (void)inet_ntop(AF_INET, &found->sin_addr, out, INET6_ADDRSTRLEN);
    } else if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *found = (const struct sockaddr_in6 *)from;
        (void)inet_ntop(AF_INET6, &found->sin6_addr, out, INET6_ADDRSTRLEN);
        if (IN6_IS_ADDR_V4MAPPED(&found->sin6_addr))
            memmove(out, out + sizeof MAPPED - 1, strlen(out) - sizeof MAPPED + 2);
    } else if (from->ss_family == AF_UNIX && is_of_this_process(descriptor)) {
        const struct sockaddr_un *found = (const struct sockaddr_un *)from;
        take_front(found->sun_path, size - offsetof(struct sockaddr_un, sun_path), out);
    }
}
