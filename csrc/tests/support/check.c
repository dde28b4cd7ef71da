#include "support/check.h"

check_state check;
