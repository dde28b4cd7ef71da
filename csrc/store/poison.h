/* poison.h: what only test builds see: AddressSanitizer marks on freed cells, and failing
 * allocations.
 *
 * A program that defines cc_store_fault_hook is asked before each allocation of the room; in every
 * other the hook is an absent weak symbol and costs a test of a constant. */
#ifndef CC_STORE_POISON_H
#define CC_STORE_POISON_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define CC_STORE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CC_STORE_SANITIZED 1
#endif
#endif

#if defined(CC_STORE_SANITIZED)
void __asan_poison_memory_region(void const volatile *address, size_t size);
void __asan_unpoison_memory_region(void const volatile *address, size_t size);
#define CC_POISON(address, size) __asan_poison_memory_region((address), (size))
#define CC_UNPOISON(address, size) __asan_unpoison_memory_region((address), (size))
#else
#define CC_POISON(address, size) ((void)(address), (void)(size))
#define CC_UNPOISON(address, size) ((void)(address), (void)(size))
#endif

/* True: this allocation must fail. Defined only by test programs. */
__attribute__((weak)) bool cc_store_fault_hook(void);
static inline bool cc_store_alloc_fails(void) { return cc_store_fault_hook != NULL && cc_store_fault_hook(); }

#endif
