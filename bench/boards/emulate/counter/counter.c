/* A QEMU TCG plugin: instructions by class between two marks.
 *
 * The guest marks by calling getpriority: the first call opens a region, the next one closes it, and the counts of the
 * region are printed as one line, "counted load=12 store=3 ...". Counters are added to once a translated block, by its
 * whole content; a system call ends a block, so both edges are exact.
 *
 * Distributions ship no qemu-plugin.h, so what is used of it is declared here: API version 1, QEMU 4.2 to 8.1
 * (https://www.qemu.org/docs/master/devel/tcg-plugins.html).
 */
#include <stddef.h>
#include <stdio.h>

#include "classify.h"

#define EXPORT __attribute__((visibility("default")))
#define GETPRIORITY 141 /* of aarch64, include/uapi/asm-generic/unistd.h of Linux */

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum inline_operation { ADD_U64 };
typedef void (*translated)(plugin_id, struct qemu_plugin_tb *);
typedef void (*called)(plugin_id, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                       uint64_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, translated);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, enum inline_operation, void *, uint64_t);
void qemu_plugin_register_vcpu_syscall_cb(plugin_id, called);
void qemu_plugin_outs(const char *);

EXPORT int qemu_plugin_version = 1;

static uint64_t executed[CLASSES], opened[CLASSES];
static int open;

static void on_translation(plugin_id id, struct qemu_plugin_tb *block)
{
    uint64_t held[CLASSES] = {0};
    for (size_t place = 0; place < qemu_plugin_tb_n_insns(block); place++) {
        const uint32_t *word = qemu_plugin_insn_data(qemu_plugin_tb_get_insn(block, place));
        held[classify(*word)]++;
    }
    for (int class = 0; class < CLASSES; class++)
        if (held[class])
            qemu_plugin_register_vcpu_tb_exec_inline(block, ADD_U64, &executed[class], held[class]);
}

static void on_system_call(plugin_id id, unsigned processor, int64_t number, uint64_t a, uint64_t b, uint64_t c,
                           uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h)
{
    if (number != GETPRIORITY)
        return;
    if (open) {
        char line[40 * (CLASSES + 1)] = "counted";
        size_t length = sizeof "counted" - 1;
        for (int class = 0; class < CLASSES; class++)
            length += snprintf(line + length, sizeof line - length, " %s=%llu", NAMES[class],
                               (unsigned long long)(executed[class] - opened[class]));
        snprintf(line + length, sizeof line - length, "\n");
        qemu_plugin_outs(line);
    }
    open = !open;
    for (int class = 0; class < CLASSES; class++)
        opened[class] = executed[class];
}

EXPORT int qemu_plugin_install(plugin_id id, const void *about, int count, char **arguments)
{
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_vcpu_syscall_cb(id, on_system_call);
    return 0;
}
