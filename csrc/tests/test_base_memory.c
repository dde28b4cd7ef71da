/* test_base_memory.c: status, buffers, arenas, clocks, conditions and futexes. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/thread.h"
#include "support/check.h"

TEST(errors_say_what_happened) {
    cc_error error;
    CHECK(cc_fail(&error, CC_ERR_LIMIT, "at most %d", 7) == CC_ERR_LIMIT);
    CHECK(strcmp(error.message, "at most 7") == 0 && error.type[0] == '\0' && error.position == 0);
    CHECK(cc_fail_aws(&error, CC_ERR_VALIDATION, "ValidationException", "no") == CC_ERR_VALIDATION);
    CHECK(strcmp(error.type, "ValidationException") == 0);
    CHECK(cc_fail_errno(&error, ENOSPC, "write") == CC_ERR_FULL && error.sys_errno == ENOSPC);
    CHECK(strcmp(error.message, "write: No space left on device") == 0);
    CHECK(cc_fail_errno(&error, EIO, "read") == CC_ERR_IO);
    CHECK(cc_fail_errno(NULL, ENOMEM, "x") == CC_ERR_NOMEM);
    char huge[2000];
    memset(huge, 'x', sizeof huge);
    huge[sizeof huge - 1] = '\0';
    CHECK(cc_fail_errno(&error, EIO, "%s", huge) == CC_ERR_IO);
    CHECK_EQ(strlen(error.message), sizeof error.message - 1);
    for (int status = 0; status < CC_STATUS_COUNT; status++)
        CHECK(strcmp(cc_status_name((cc_status)status), "unknown") != 0);
    CHECK(strcmp(cc_status_name(CC_STATUS_COUNT), "unknown") == 0);
}

TEST(buffer_grows_and_refuses_nonsense) {
    cc_buffer buffer = {0};
    for (int i = 0; i < 5000; i++)
        CHECK_OK(cc_buffer_append_byte(&buffer, (uint8_t)i));
    CHECK_EQ(buffer.size, 5000);
    CHECK_EQ(buffer.data[4999], (uint8_t)4999);
    CHECK(cc_buffer_grow(&buffer, SIZE_MAX - 100) == CC_ERR_NOMEM);
    CHECK(cc_buffer_grow(&buffer, SIZE_MAX / 2) == CC_ERR_NOMEM);
    CHECK_EQ(buffer.size, 5000); /* nothing changed */
    cc_buffer_clear(&buffer);
    CHECK_OK(cc_buffer_append_text(&buffer, "abc"));
    CHECK(cc_bytes_equal(cc_buffer_bytes(&buffer), cc_bytes_text("abc")));
    cc_buffer_free(&buffer);
    CHECK(buffer.data == NULL && buffer.capacity == 0);
    CHECK(cc_bytes_compare(cc_bytes_text("ab"), cc_bytes_text("abc")) < 0);
    CHECK(cc_bytes_compare(cc_bytes_text("b"), cc_bytes_text("abc")) > 0);
    CHECK(cc_bytes_compare(cc_bytes_of(NULL, 0), cc_bytes_of(NULL, 0)) == 0);
}

TEST(arena_holds_what_it_gave) {
    cc_arena arena;
    cc_arena_init(&arena, 256);
    for (int round = 0; round < 3; round++) {
        uint8_t *runs[400];
        for (size_t i = 0; i < 400; i++) {
            size_t size = i * 13 % 300;
            runs[i] = cc_arena_alloc(&arena, size);
            CHECK(runs[i] != NULL && (uintptr_t)runs[i] % 8 == 0);
            memset(runs[i], (int)i, size);
        }
        for (size_t i = 0; i < 400; i++)
            for (size_t at = 0; at < i * 13 % 300; at++)
                CHECK(runs[i][at] == (uint8_t)i);
        cc_arena_reset(&arena);
    }
    CHECK(cc_arena_grow(&arena, SIZE_MAX / 2 + 1) == NULL);
    cc_bytes copy = cc_arena_copy(&arena, cc_bytes_text("kept"));
    CHECK(cc_bytes_equal(copy, cc_bytes_text("kept")));
    cc_arena_free(&arena);
    cc_arena_free(&arena); /* twice is harmless */
}

TEST(clocks_and_waits) {
    CHECK(cc_clock_wall_ms() > UINT64_C(1700000000000));
    uint64_t before = cc_clock_monotonic_ns();
    cc_mutex mutex;
    cc_cond cond;
    cc_mutex_init(&mutex);
    cc_cond_init(&cond);
    cc_mutex_lock(&mutex);
    CHECK(!cc_mutex_try_lock(&mutex));
    CHECK(!cc_cond_wait_for(&cond, &mutex, 2000000));
    cc_mutex_unlock(&mutex);
    CHECK(cc_clock_monotonic_ns() - before >= 2000000);
    cc_cond_destroy(&cond);
    cc_mutex_destroy(&mutex);
    _Atomic uint32_t word = 1;
    CHECK(cc_futex_wait(&word, 2, UINT64_MAX)); /* not the expected value: back at once */
    CHECK(!cc_futex_wait(&word, 1, 1000000));
    CHECK(cc_cpu() == cc_cpu());
}

/* The word is in memory that two processes share. */
TEST(futex_between_processes) {
    _Atomic uint32_t *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(word != MAP_FAILED);
    pid_t child = fork();
    if (child == 0) {
        usleep(3000);
        atomic_store(word, 1);
        cc_futex_wake(word, UINT32_MAX);
        _exit(0);
    }
    while (atomic_load(word) == 0)
        CHECK(cc_futex_wait(word, 0, UINT64_C(60000000000)));
    int result = -1;
    CHECK(waitpid(child, &result, 0) == child && result == 0);
    CHECK(munmap((void *)word, 4096) == 0);
}

int main(void) {
    RUN(errors_say_what_happened);
    RUN(buffer_grows_and_refuses_nonsense);
    RUN(arena_holds_what_it_gave);
    RUN(clocks_and_waits);
    RUN(futex_between_processes);
    return REPORT();
}
