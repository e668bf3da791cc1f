/* Classes of A64 instructions, by the encoding tables of the Arm Architecture Reference Manual for A-profile (DDI 0487),
 * chapter C4: C4.1 has the groups, then "Branches", "Loads and stores" and "Data processing: scalar floating-point and
 * Advanced SIMD". A multiply-accumulate counts as one where it adds to lanes it was given (MLA, SMLAL, FMLA, ...), and
 * so does the widening SMULL or UMULL that begins such a sum; other products (MUL, FMUL, SQRDMULH) are other SIMD.
 * An atomic operation loads and stores, and counts as a load. What came after Armv8.2 is not told apart in all detail.
 */
#include "classify.h"

const char *const NAMES[CLASSES] = {
    "load", "store", "branch", "sdot", "integer_mac", "float_mac", "other_simd", "integer",
};

static int is(uint32_t word, uint32_t mask, uint32_t value) { return (word & mask) == value; }

static int load_or_store(uint32_t word)
{
    uint32_t kind = word >> 27 & 7, opc = word >> 22 & 3;
    if (kind == 3) /* literal; or acquire and release with an offset, of which opc 0 is the store */
        return is(word, 1u << 24, 0) || opc ? LOAD : STORE;
    if (kind == 7 && is(word, 1u << 26, 0)) { /* one general register */
        int atomic = is(word, 0x01200c00, 0x00200000); /* LDADD, SWP, ... */
        return opc || atomic ? LOAD : STORE;
    }
    if (is(word, 0x3fa07c00, 0x08a07c00)) /* CAS */
        return LOAD;
    return opc & 1 ? LOAD : STORE; /* pairs, structures, exclusives, one SIMD register: bit 22 is L */
}

static int is_branch(uint32_t word)
{
    return is(word, 0x7c000000, 0x14000000)     /* B, BL */
           || is(word, 0xff000000, 0x54000000)  /* B.cond */
           || is(word, 0x7c000000, 0x34000000)  /* CBZ, CBNZ, TBZ, TBNZ */
           || is(word, 0xfe000000, 0xd6000000); /* BR, BLR, RET */
}

static int simd(uint32_t word)
{
    if (is(word, 0x9fe0fc00, 0x0e809400)        /* SDOT, UDOT of vectors */
        || is(word, 0x9fc0f400, 0x0f80e000))    /* by element */
        return SDOT;
    if (is(word, 0x9f20fc00, 0x0e209400)        /* MLA, MLS */
        || is(word, 0xbf00b400, 0x2f000000)     /* by element */
        || is(word, 0x9f20cc00, 0x0e208000)     /* SMLAL, UMLAL, SMLSL, UMLSL, SQDMLAL, SQDMLSL */
        || is(word, 0x9f00b400, 0x0f002000)     /* the first four by element */
        || is(word, 0xbf00b400, 0x0f003000)     /* the last two by element */
        || is(word, 0x9f20fc00, 0x0e20c000)     /* SMULL, UMULL */
        || is(word, 0x9f00f400, 0x0f00a000))    /* by element */
        return INTEGER_MAC;
    if (is(word, 0xbf20fc00, 0x0e20cc00)        /* FMLA, FMLS */
        || is(word, 0xbf60fc00, 0x0e400c00)     /* of half precision */
        || is(word, 0xbf00b400, 0x0f001000))    /* by element */
        return FLOAT_MAC;
    return OTHER_SIMD;
}

int classify(uint32_t word)
{
    if (is(word, 0x0a000000, 0x08000000)) return load_or_store(word);
    if (is(word, 0x0e000000, 0x0e000000)) return simd(word);
    return is_branch(word) ? BRANCH : INTEGER;
}
