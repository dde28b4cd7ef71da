/* clock.h: time as a value that tests can move. Wall time stamps records, monotonic time measures. */
#ifndef CC_BASE_CLOCK_H
#define CC_BASE_CLOCK_H

#include <stdint.h>

uint64_t cc_clock_wall_ms(void);      /* milliseconds since 1970-01-01 UTC */
uint64_t cc_clock_monotonic_ns(void); /* never goes back; origin unspecified */

#endif
