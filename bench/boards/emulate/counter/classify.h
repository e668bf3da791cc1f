#include <stdint.h>

/* What one instruction does. The order is that of NAMES in classify.c. */
enum class { LOAD, STORE, BRANCH, SDOT, INTEGER_MAC, FLOAT_MAC, OTHER_SIMD, INTEGER, CLASSES };

extern const char *const NAMES[CLASSES];

/* The class of one A64 instruction word. */
int classify(uint32_t word);
