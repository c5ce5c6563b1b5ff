// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <unistd.h>

#include "apic.h"
#include "check.h"
#include "machine.h"
#include "model.h"
#include "ops.h"
#include "pic.h"

#define APIC_LDR	0xd0
#define APIC_DFR	0xe0
#define APIC_ISR	0x100

/*
 * What was received.
 */
static bool has_received(int i)
{
	volatile struct mailbox *m = mailbox(i);
	struct apic *a = &model.apics[i];

	return m->nr_log >= a->nr_log && m->nr_nmi >= a->nr_nmi && m->nr_ext >= a->nr_ext;
}

static void check_log(int i)
{
	volatile struct mailbox *m = mailbox(i);
	struct apic *a = &model.apics[i];
	unsigned int n;

	if (!await(has_received(i)))
		fail("vCPU %d lost something: %lu of %u interrupts (next is %x), %lu of %u NMIs, %lu of %u ExtINTs: %s",
		     i, m->nr_log, a->nr_log, m->nr_log < a->nr_log ? a->log[m->nr_log] : 0,
		     m->nr_nmi, a->nr_nmi, m->nr_ext, a->nr_ext, machine_describe(i));
	for (n = 0; n < a->nr_log && n < MAX_LOG; n++)
		if (m->log[n] != a->log[n])
			fail("vCPU %d took vector %x as interrupt %u, not %x", i, m->log[n], n,
			     a->log[n]);
	if (m->nr_log > a->nr_log)
		fail("vCPU %d took vector %x, which nobody sent", i, m->log[a->nr_log]);
	if (m->nr_nmi > a->nr_nmi || m->nr_ext > a->nr_ext)
		fail("vCPU %d took %lu NMIs, %lu ExtINTs, not %u, %u", i, m->nr_nmi, m->nr_ext,
		     a->nr_nmi, a->nr_ext);
}

/*
 * Registers.  KVM_GET_LAPIC has the xAPIC's format for IDs.
 */
static const uint16_t regs[] = {
	APIC_ID, APIC_TASKPRI, APIC_LDR, APIC_DFR, APIC_SPIV,
	APIC_ISR, APIC_ISR + 0x10, APIC_ISR + 0x20, APIC_ISR + 0x30,
	APIC_ISR + 0x40, APIC_ISR + 0x50, APIC_ISR + 0x60, APIC_ISR + 0x70,
	APIC_IRR, APIC_IRR + 0x10, APIC_IRR + 0x20, APIC_IRR + 0x30,
	APIC_IRR + 0x40, APIC_IRR + 0x50, APIC_IRR + 0x60, APIC_IRR + 0x70,
};

static void get_lapic(int i, struct kvm_lapic_state *state)
{
	machine_stop(i);
	vcpu_ioctl(cpus[i].vcpu, KVM_GET_LAPIC, state);
	machine_start(i);
}

static uint32_t reg_of(const struct kvm_lapic_state *state, unsigned int reg)
{
	return *(uint32_t *)(state->regs + reg);
}

/* The index in regs[] of one that is wrong, -1 if none is. */
static int find_difference(int i, uint32_t *got, uint64_t *want)
{
	struct kvm_lapic_state state;
	unsigned int n;

	get_lapic(i, &state);
	for (n = 0; n < ARRAY_SIZE(regs); n++) {
		if (!model_reg(&model.apics[i], regs[n], want))
			continue;
		*got = reg_of(&state, regs[n]);
		if (regs[n] == APIC_ID && model.apics[i].mode == X2APIC)
			*want <<= 24;
		if (*got != *want)
			return n;
	}
	return -1;
}

static void check_lapic(int i)
{
	uint64_t want = 0;
	uint32_t got = 0;
	int n;

	if (!await((n = find_difference(i, &got, &want)) < 0))
		fail("register %x of vCPU %d is %x, not %lx", regs[n], i, got, want);
}

/* One that was told to wait in user space is on its way there. */
static void await_out(int i)
{
	if (model.apics[i].wait == WAIT_OUT && !await(machine_is_out(i)))
		fail("vCPU %d doesn't leave the guest", i);
}

/* A tick that was owed comes some time after the EOI of the one before. */
static void await_tick(void)
{
	struct pit *p = &model.pit;

	if (p->has_ticked && model.apics[p->target].irr[p->vector] &&
	    !await(check_find(p->vector, 1u << p->target) >= 0))
		fail("vCPU %d lost a tick of the PIT that was owed", p->target);
	p->has_ticked = false;
}

/* The VMM is told after the EOI. */
static void check_resampled(void)
{
	unsigned int got;

	if (!await(ops_resampled(&got)))
		fail("the VMM is told of %u EOIs of pin %d, not %u", got, RESAMPLE_PIN,
		     model.pins[RESAMPLE_PIN].nr_acks);
}

void check_all(void)
{
	int i;

	for (i = 0; i < nr_vcpus; i++) {
		await_out(i);
		check_log(i);
		if (model.apics[i].wait == WAIT_OUT && model.apics[i].mode != OFF)
			check_lapic(i);
	}
	await_tick();
	check_resampled();
	pic_check();
	check_inhibits();
}

int check_find(uint8_t vector, unsigned int targets)
{
	struct kvm_lapic_state state;
	int i;

	for (i = 0; i < nr_vcpus; i++) {
		if (!(targets & 1u << i))
			continue;
		if (mailbox(i)->nr_log > model.apics[i].nr_log)
			return i;
		get_lapic(i, &state);
		if (reg_of(&state, APIC_IRR + vector / 32 * 0x10) >> vector % 32 & 1)
			return i;
	}
	return -1;
}

/*
 * Inhibits.
 */
static char caused[256];

void check_caused(const char *reason)
{
	if (!strstr(caused, reason))
		snprintf(caused + strlen(caused), sizeof(caused) - strlen(caused), " %s", reason);
}

/* The line of KVM's file that begins with @start, or an empty one; NULL if there's no file. */
static char *read_line(const char *start)
{
	static char line[256];
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/apicv", getpid(), vm->fd);
	f = fopen(path, "r");
	if (!f)
		return NULL;
	do {
		if (!fgets(line, sizeof(line), f))
			line[0] = '\0';
	} while (line[0] && strncmp(line, start, strlen(start)));
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

bool check_wants_reasons;

/* The reasons, or NULL if KVM doesn't tell. */
static char *read_reasons(void)
{
	char *line = read_line("apicv: ");

	if (check_wants_reasons && (!line || !line[0]))
		fail("KVM doesn't tell what inhibits APICv");
	return line;
}

/* The ticks that the file says are owed, -1 if it says nothing. */
static int read_owed(void)
{
	char *line = read_line("PIT: ");
	int owed = -1;

	if (line)
		sscanf(line, "PIT: %d", &owed);
	return owed;
}

/*
 * AVIC is inhibited exactly as long as ticks are owed, and a while longer.  On VMX, the
 * EOI exits if anybody wants to know of it.
 */
static void check_pit(void)
{
	struct pit *p = &model.pit;
	int owed = -1;

	if (p->owed && !p->masked && !is_intel_cpu() && !await((owed = read_owed()) == p->owed))
		fail("the PIT owes %d ticks, not %u: %s", owed, p->owed, read_reasons());
	if (!p->owed && !await(!strstr(read_reasons(), "PIT_REINJ")))
		fail("no tick is owed, but %s", read_reasons());
}

static void note_causes(void)
{
	struct apic *a;

	for (a = model.apics; a < model.apics + nr_vcpus; a++) {
		if (a->blocked)
			check_caused("BLOCKIRQ");
		if (a->auto_eoi)
			check_caused("HYPERV");
		if (a->mode == XAPIC && a->id != a->vcpu_id)
			check_caused("APIC_ID_MODIFIED");
		if (a->mode != OFF && a->base != BASE_DEFAULT)
			check_caused("APIC_BASE_MODIFIED");
	}
}

/* Whether a reason is there for which a vCPU gives cause right now. */
static void check_required(const char *reasons)
{
	struct apic *a;

	for (a = model.apics; a < model.apics + nr_vcpus; a++) {
		if (a->blocked && !strstr(reasons, "BLOCKIRQ"))
			fail("APICv isn't inhibited by BLOCKIRQ: %s", reasons);
		if (a->auto_eoi && !strstr(reasons, "HYPERV"))
			fail("APICv isn't inhibited by AutoEOI: %s", reasons);
		if (a->mode == XAPIC && a->base != BASE_DEFAULT &&
		    !strstr(reasons, "APIC_BASE_MODIFIED"))
			fail("APICv isn't inhibited by a base: %s", reasons);
	}
}

void check_inhibits(void)
{
	char *word, *rest, *reasons = read_reasons();

	note_causes();
	if (!reasons || strstr(reasons, "DISABLE"))
		return;
	check_required(reasons);
	if (model.pit.is_there) {
		check_pit();
		reasons = read_reasons();
	}
	if (!strncmp(reasons, "apicv: on", 9))
		return;
	for (word = strtok_r(reasons + strlen("apicv: off"), " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest))
		if (!strstr(caused, word))
			fail("APICv is inhibited by %s without a cause", word);
}

/* IRQWIN outlives the last window, but a window that nobody waits for is no cause. */
static bool has_no_windows(void)
{
	char *line = read_line("PIC: ");
	int windows = -1;

	return line && sscanf(line, "PIC: %d", &windows) == 1 && !windows;
}

static bool are_gone(void)
{
	char *reasons = read_reasons();

	if (!reasons || !strcmp(reasons, "apicv: on") || strstr(reasons, "DISABLE"))
		return true;
	return !strcmp(reasons, "apicv: off IRQWIN") && has_no_windows();
}

void check_inhibits_are_gone(void)
{
	if (!await(are_gone()))
		fail("there's no cause anymore, but %s", read_reasons());
}

static uint64_t mix(uint64_t digest, uint64_t value)
{
	return (digest ^ value) * 0x100000001b3ull;
}

/* How many come depends on the time. */
static bool is_tick(uint8_t vector)
{
	return vector >= FIRST_PIT_VECTOR && vector < FIRST_VECTOR;
}

uint64_t check_digest(void)
{
	uint64_t digest = 0xcbf29ce484222325ull;
	unsigned int n;
	int i;

	for (i = 0; i < nr_vcpus; i++) {
		for (n = 0; n < mailbox(i)->nr_log && n < MAX_LOG; n++)
			if (!is_tick(mailbox(i)->log[n]))
				digest = mix(digest, mailbox(i)->log[n]);
		digest = mix(digest, mailbox(i)->nr_nmi << 16 |
			     (mailbox(i)->nr_ext - (i ? 0 : model.pit.nr_ext)));
	}
	return digest;
}
