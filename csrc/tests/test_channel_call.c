/* test_channel_call.c: calls between two processes, limits, deadlines, shutting, foreign descriptors. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel/channel.h"
#include "support/check.h"

static void echo_until_shut(int fd) {
    cc_channel *channel = NULL;
    if (cc_channel_attach(fd, &channel, NULL) != CC_OK)
        _exit(2);
    const void *data;
    size_t size;
    while (cc_channel_receive(channel, 10000, &data, &size, NULL) == CC_OK)
        if (cc_channel_reply(channel, data, size, NULL, 0, NULL) != CC_OK)
            _exit(3);
    cc_channel_free(channel);
    _exit(0);
}

TEST(echo) {
    enum { MAX = 1 << 20 };
    cc_channel *channel = NULL;
    CHECK_OK(cc_channel_create(MAX, MAX, &channel, NULL));
    pid_t child = fork();
    if (child == 0)
        echo_until_shut(cc_channel_fd(channel));
    uint8_t *body = malloc(MAX);
    for (size_t i = 0; i < MAX; i++)
        body[i] = (uint8_t)(i * 31u);
    for (int i = 0; i < 20000; i++) {
        size_t size = i % 1000 == 0 ? MAX - 4 : (size_t)i % 2000;
        const void *data = NULL;
        size_t got = 0;
        CHECK_OK(cc_channel_send(channel, "head", 4, body, size, NULL));
        CHECK_OK(cc_channel_wait(channel, 10000, &data, &got, NULL));
        CHECK_EQ(got, size + 4);
        CHECK(data != NULL && memcmp(data, "head", 4) == 0);
        CHECK(data != NULL && memcmp((const uint8_t *)data + 4, body, size) == 0);
        cc_channel_done(channel);
    }
    cc_channel_shut(channel);
    int how = -1;
    CHECK_EQ(waitpid(child, &how, 0), child);
    CHECK_EQ(how, 0);
    free(body);
    cc_channel_free(channel);
}

TEST(refusals) {
    cc_channel *channel = NULL;
    const void *data;
    size_t size;
    CHECK_OK(cc_channel_create(16, 8, &channel, NULL));
    CHECK_EQ(cc_channel_send(channel, "0123456789", 10, "0123456", 7, NULL), CC_ERR_LIMIT);
    CHECK_EQ(cc_channel_reply(channel, "", 0, NULL, 0, NULL), CC_ERR_ARGUMENT);
    CHECK_EQ(cc_channel_receive(channel, 5, &data, &size, NULL), CC_ERR_TIMEOUT);
    CHECK_OK(cc_channel_send(channel, "a", 1, NULL, 0, NULL));
    CHECK(!cc_channel_taken(channel));
    CHECK_EQ(cc_channel_send(channel, "b", 1, NULL, 0, NULL), CC_ERR_ARGUMENT);
    CHECK_EQ(cc_channel_wait(channel, 5, &data, &size, NULL), CC_ERR_TIMEOUT);
    CHECK_OK(cc_channel_receive(channel, 5, &data, &size, NULL));
    CHECK(cc_channel_taken(channel));
    CHECK_EQ(cc_channel_reply(channel, "12345", 5, "6789", 4, NULL), CC_ERR_LIMIT);
    cc_channel_shut(channel);
    CHECK_EQ(cc_channel_wait(channel, 5, &data, &size, NULL), CC_ERR_CLOSED);
    CHECK_EQ(cc_channel_reply(channel, "", 0, NULL, 0, NULL), CC_ERR_CLOSED);
    cc_channel_free(channel);
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(cc_channel_attach(ends[0], &channel, NULL), CC_ERR_FORMAT);
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    RUN(echo);
    RUN(refusals);
    return REPORT();
}
