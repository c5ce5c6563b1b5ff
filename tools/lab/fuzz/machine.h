/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VM of apic_fuzz: a thread for each vCPU, and commands to the guest.
 */
#ifndef APIC_FUZZ_MACHINE_H
#define APIC_FUZZ_MACHINE_H

#include <pthread.h>
#include <stdbool.h>

#include "guest.h"
#include "kvm_util.h"
#include "processor.h"

struct cpu {
	struct kvm_vcpu *vcpu;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	enum { RUNS, WAITS, STOPPED } state;	/* in KVM_RUN, or out of it */
	bool stop, go, wake, quit;
	unsigned int nr_sipi;
	uint32_t last_exit;
	struct kvm_sregs sregs;			/* with which it started */
	uint64_t rsp;
};

extern struct kvm_vm *vm;
extern struct cpu cpus[MAX_VCPUS];
extern int nr_vcpus;

/* PIC, PIT and I/O APIC aren't KVM's. */
extern bool machine_is_split;

/* KVM_RUN may fail because memory can't be accessed, and is repeated. */
extern bool machine_may_fault;

/* The guest's mailbox of a vCPU, in this process. */
volatile struct mailbox *mailbox(int i);

/* Something is wrong: report and end the program. */
void __attribute__((format(printf, 1, 2), noreturn)) fail(const char *fmt, ...);

/* For whoever looks at one program. */
void __attribute__((format(printf, 1, 2))) note(const char *fmt, ...);

/* Wait until @cond, for a while; false if it never was. */
#define PATIENCE_US	4000000
#define await(cond) ({						\
	uint64_t __start = now_us();				\
	bool __ok;						\
	while (!(__ok = (cond)) && now_us() - __start < PATIENCE_US)	\
		pause_us(30);					\
	__ok;							\
})
uint64_t now_us(void);
void pause_us(unsigned int us);

void machine_create(bool is_split);
void machine_add_vcpu(void);
void machine_destroy(void);

/* Have a vCPU execute a command, whatever it waits by, and return the result. */
uint64_t command(int i, enum command command, uint64_t a, uint64_t b);
void command_start(int i, enum command command, uint64_t a, uint64_t b);
bool is_done(int i);
uint64_t command_finish(int i);

/*
 * Keep a vCPU out of KVM_RUN, so that this thread can use its file descriptor, and
 * let it go on.  No-ops if it waits in user space.
 */
void machine_stop(int i);
void machine_start(int i);

/* Have a vCPU that halts, or waits in user space, look for a command. */
void machine_wake(int i);

/* Where the guest has what L1 needs, by command CMD_L2. */
extern vm_vaddr_t machine_nested;

/* Whether L1 can post interrupts to L2, and the guest's state of that. */
bool machine_posts_to_l2(void);
struct posted *machine_posted(void);
const char *machine_describe_posted(void);

/* How many SMIs were handled; one byte. */
uint8_t machine_nr_smi(void);

/* What it's at, for a failure. */
const char *machine_describe(int i);

/* Whether it waits in user space. */
bool machine_is_out(int i);

/* Let a vCPU that waits in user space run once more, e.g. to see INIT and SIPI. */
void machine_poke(int i);

/*
 * Save everything, and restore it into a new VM, as a migration does.  For what the VMM has
 * to do once more, @created is called for each vCPU before its state is restored, and
 * @restored before it runs.
 */
void machine_migrate(void (*created)(int i), void (*restored)(int i));

#endif
