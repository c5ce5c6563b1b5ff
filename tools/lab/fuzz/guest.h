/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest of apic_fuzz and its VMM tell each other.
 */
#ifndef APIC_FUZZ_GUEST_H
#define APIC_FUZZ_GUEST_H

#include <stdint.h>

#define MAX_VCPUS	8
#define MAX_LOG		1024

/* How a vCPU waits for its next command. */
enum wait {
	WAIT_OUT,	/* in user space, i.e. it takes nothing */
	WAIT_HLT,	/* HLT with IF=1 */
	WAIT_SPIN,	/* in a loop with IF=1 */
	WAIT_CLI,	/* in a loop with IF=0 */
	NR_WAITS
};

enum command {
	CMD_NOP,
	CMD_WRITE,	/* register a of the APIC, b */
	CMD_READ,	/* register a of the APIC */
	CMD_ICR,	/* a, in x2APIC mode with the destination in 63:32 */
	CMD_SELF,	/* x2APIC's self-IPI of vector a */
	CMD_CR8,	/* a */
	CMD_READ_CR8,
	CMD_BASE,	/* write a to IA32_APICBASE */
	CMD_LOAD,	/* load from offset a of the APIC page, b bytes */
	CMD_TIMER,	/* one-shot, vector a, b ticks */
	CMD_WINDOW,	/* IF=1 for a moment */
	CMD_BURST,	/* a IPIs of vector BURST_VECTOR + sender to APIC IDs below b */
	CMD_OUT8,	/* b to port a */
	CMD_TOGGLE,	/* a times the low byte of b to the PIC's mask, then the next one */
	CMD_MMIO,	/* store b at GPA a */
	CMD_WRMSR,	/* write b to MSR a, and read it */
	CMD_CD,		/* CR0.CD = a */
	CMD_L2,		/* a moment of L2 with IF=1; a: where L1 has what it needs, b: see L2_... */
	CMD_L2_POSTED,	/* run L2 until a interrupts were posted to it, b: see L2_... */
	CMD_POST,	/* post a interrupts to the L2 of the vCPU in the upper half of b, see L2_... */
};

/* L1 intercepts interrupts, and takes them itself; the processor has VMX. */
#define L2_INTERCEPT	1
#define L2_VMX		2
/* L2 halts; it exits for another interrupt each time. */
#define L2_HALTS	4
#define L2_EXITS	8
/* What its command returns if a posted interrupt doesn't come. */
#define L2_LOST		-3ull

/* The ports by which a guest leaves. */
#define PORT_WAIT	0x1001	/* waits for a command */
#define PORT_LOWER	0x1002	/* lower the line whose GSI it writes */
#define PORT_SIPI	0x1003	/* got a SIPI, and runs in real mode */
#define PORT_EXCEPTION	0x1004	/* got exception a at address b */

#define SIPI_VECTOR	0x10
#define SIPI_GPA	(SIPI_VECTOR << 12)

/* What a vCPU executes on SMI: it increments a byte. */
#define SMRAM_GPA	0x30000ull
#define SMRAM_SIZE	0x10000
#define SMI_ENTRY	0x8000
#define SMI_COUNT	0x8100

#define BASE_DEFAULT	0xfee00000ull
#define BASE_AWAY	0xfef00000ull
#define IOAPIC_GPA	0xfec00000ull
#define SLOT_GPA	0xc0000000ull
#define PIC_BASE	0x20
#define PIC_PORT	0x20

/* The PIC's input that more than one vCPU may take, and that of interrupts that are gone. */
#define SHARED_IRQ	4
#define SPURIOUS_IRQ	7

/* Vectors of bursts, one a sender; of posted interrupts; the PIT's; other vectors are between these and 0xfe. */
#define BURST_VECTOR	0x28
#define NOTIFY_VECTOR	0x32
#define POSTED_VECTOR	0x33
#define FIRST_PIT_VECTOR	0x38
#define FIRST_VECTOR	0x40

/* One for each vCPU, in the guest's memory. */
struct mailbox {
	/* Written by the VMM. */
	uint64_t seq, command, a, b, wait;
	uint64_t keep;			/* handlers leave the EOI to a command */
	uint64_t index;
	uint8_t level[256];		/* GSI + 1 of vectors that are level-triggered */
	/* Written by the guest. */
	uint64_t done, result;
	uint64_t base;			/* IA32_APICBASE, by which it accesses the APIC */
	uint64_t nr_log, nr_nmi, nr_ext, nr_shared, nr_spurious;
	uint8_t log[MAX_LOG];
	uint8_t burst[MAX_VCPUS];	/* flags of the burst's senders */
	/* Written by KVM and the guest: bit 0 makes an EOI unnecessary. */
	uint32_t pv_eoi;
};

extern struct mailbox mail[MAX_VCPUS];

/* What L1 gives to L2 for posted interrupts, and how far they are. */
struct posted {
	uint64_t nested;		/* where L1 has what it needs for L2 */
	uint64_t *descriptor, *apic;
	uint64_t descriptor_gpa, apic_gpa;
	uint64_t begun, received;
};

extern struct posted posted;

void guest_code(uint64_t index);
struct kvm_vm;
void guest_install(struct kvm_vm *vm);

#endif
