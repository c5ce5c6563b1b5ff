// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PIC.  KVM: if its output rises, then the first vCPU that accepts ExtINTs is told, and has
 * to take what is pending as soon as it can; others may, if they look by chance.  An interrupt
 * that two vCPUs are about to take, or that is withdrawn meanwhile, may be a spurious one for
 * one of them, but has no other vector.
 */
#include "apic.h"
#include "check.h"
#include "machine.h"
#include "model.h"
#include "ops.h"
#include "pic.h"

#define APIC_LVT0	0x350
#define APIC_LVT_MASKED	BIT(16)

#define EXT_IRQ		3
#define PORT_ELCR	0x4d0

/* Inputs that aren't masked, but for the shared one. */
static uint8_t open_inputs;

static uint8_t mask_of(bool is_shared_masked)
{
	return ~(open_inputs | (is_shared_masked ? 0 : 1u << SHARED_IRQ));
}

static void write_mask(int i, bool is_shared_masked)
{
	execute(i, CMD_OUT8, PIC_PORT + 1, mask_of(is_shared_masked));
}

static void out8(uint16_t port, uint8_t value)
{
	execute(0, CMD_OUT8, port, value);
}

/* The handler lowers the line.  If it doesn't, it's called again at once. */
static void set_lowered_by_handler(bool on)
{
	int i;

	for (i = 0; i < MAX_VCPUS; i++)
		mailbox(i)->level[PIC_BASE + SHARED_IRQ] = on ? SHARED_IRQ + 1 : 0;
}

/* In between, nothing is masked. */
void pic_program(uint8_t others)
{
	const struct { uint16_t port; uint8_t irq, imr, cascade; } pics[] = {
		{ PIC_PORT, PIC_BASE, (uint8_t)~(1u << EXT_IRQ | others), 4 },
		{ 0xa0, PIC_BASE, 0xff, 2 },
	};
	int i;

	pic_lower();
	set_lowered_by_handler(true);
	open_inputs = 1u << EXT_IRQ | others;
	for (i = 0; i < ARRAY_SIZE(pics); i++) {
		out8(pics[i].port, 0x11);
		out8(pics[i].port + 1, pics[i].irq);
		out8(pics[i].port + 1, pics[i].cascade);
		out8(pics[i].port + 1, 1);
		out8(pics[i].port + 1, pics[i].imr);
	}
	out8(PORT_ELCR, 1u << SHARED_IRQ);
	write_mask(0, model.pic.masked);
}

bool pic_is_for_vcpu0(void)
{
	return !(model_acceptors() & ~1u);
}

void pic_accept(int i, bool on)
{
	write_reg(i, APIC_LVT0, APIC_DM_EXTINT | (on ? 0 : APIC_LVT_MASKED));
	model.apics[i].extint = on && is_enabled(i);
}

/* ExtINT, which vCPU 0 takes. */
void op_extint(const uint16_t *args)
{
	if (machine_is_split || !pic_is_for_vcpu0() || model.ext_pending ||
	    !is_enabled(0) || model.apics[0].mode == OFF)
		return;
	/* Nobody is told of another input. */
	pic_lower();
	pic_accept(0, true);
	kvm_irq_line(vm, EXT_IRQ, 1);
	kvm_irq_line(vm, EXT_IRQ, 0);
	model.ext_pending = 1;
	check_caused("IRQWIN");
}

/* actor, on or off */
void op_lvt0(const uint16_t *args)
{
	int i = actor(args[0]);

	if (machine_is_split || model.ext_pending || model.apics[i].mode == OFF)
		return;
	note("vCPU %d accepts ExtINTs: %d", i, args[1] % 3 != 0);
	pic_accept(i, args[1] % 3);
}

/*
 * What was taken.
 */
static bool is_taken(void)
{
	int i;

	for (i = 0; i < nr_vcpus; i++)
		if (mailbox(i)->nr_shared != model.apics[i].nr_shared)
			return true;
	return false;
}

/* Since the last time.  Returns how many that weren't spurious. */
static unsigned int collect(void)
{
	struct pic *p = &model.pic;
	unsigned int taken = 0;
	int i;

	for (i = 0; i < nr_vcpus; i++) {
		struct apic *a = &model.apics[i];
		unsigned int shared = mailbox(i)->nr_shared - a->nr_shared;
		unsigned int spurious = mailbox(i)->nr_spurious - a->nr_spurious;

		if ((shared || spurious) && !((p->may_take | p->could_take) & 1u << i))
			fail("vCPU %d took %u ExtINTs that it doesn't accept, %u spurious", i, shared, spurious);
		if (spurious && !p->may_be_spurious)
			fail("vCPU %d took a spurious ExtINT", i);
		a->nr_shared += shared;
		a->nr_spurious += spurious;
		taken += shared;
	}
	return taken;
}

/* Once, or not at all. */
static void collect_one(void)
{
	struct pic *p = &model.pic;
	unsigned int taken = collect(), most = p->line && !p->masked;

	if (taken > most)
		fail("%u shared ExtINTs were taken, not %u", taken, most);
	if (!taken)
		return;
	p->line = p->due = false;
	p->told = -1;
}

void pic_check(void)
{
	struct pic *p = &model.pic;

	if (p->due && !await(is_taken()))
		fail("vCPU %d lost a shared ExtINT: %s", p->told, machine_describe(p->told));
	collect_one();
	p->could_take = p->may_take;
	p->may_take = 0;
}

/* Who is about to take it has taken it when it executes the next command. */
static void sync_takers(void)
{
	unsigned int takers = model.pic.may_take | model.pic.could_take;
	int i;

	for (i = 0; i < nr_vcpus; i++)
		if (takers & 1u << i)
			execute(i, CMD_NOP, 0, 0);
}

void pic_lower(void)
{
	if (machine_is_split || !model.pic.line)
		return;
	kvm_irq_line(vm, SHARED_IRQ, 0);
	sync_takers();
	collect_one();
	model_pic(false, model.pic.masked);
}

static void raise(void)
{
	/* KVM: nobody is told again. */
	if (model.pic.line)
		return;
	kvm_irq_line(vm, SHARED_IRQ, 1);
	model_pic(true, model.pic.masked);
	check_caused("IRQWIN");
}

static void mask(int i, bool masked)
{
	write_mask(i, masked);
	if (masked) {
		sync_takers();
		collect_one();
	}
	check_caused("IRQWIN");
	model_pic(model.pic.line, masked);
}

/* actor, what */
void op_pic_line(const uint16_t *args)
{
	int i = actor(args[0]);

	if (machine_is_split)
		return;
	note("shared input: %u; accepted by %x", args[1] % 8, model_acceptors());
	switch (args[1] % 8) {
	case 0:
		mask(i, true);
		break;
	case 1:
	case 2:
		mask(i, false);
		break;
	case 3:
		pic_lower();
		break;
	default:
		raise();
	}
}

static int first_acceptor(void)
{
	return __builtin_ffs(model_acceptors()) - 1;
}

/* Those that have nothing to do with it leave their CPUs to those that have. */
static void stop_others(int i)
{
	int j;

	for (j = 0; j < nr_vcpus; j++)
		if (j != i && !(model_acceptors() & 1u << j))
			machine_stop(j);
}

static void start_all(void)
{
	int i;

	for (i = 0; i < nr_vcpus; i++)
		machine_start(i);
}

static void toggle_by_vmm(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		kvm_irq_line(vm, SHARED_IRQ, 0);
		kvm_irq_line(vm, SHARED_IRQ, 1);
	}
}

/*
 * how the first acceptor waits, who masks, how often, whether the VMM does: the input is active
 * again and again, and as often withdrawn while somebody may be about to take it.
 */
void op_pic_toggle(const uint16_t *args)
{
	int taker = first_acceptor(), i = actor(args[1]);
	unsigned int n = 50 + args[2] % 200;

	if (machine_is_split || taker < 0 || model.apics[taker].blocked)
		return;
	pic_lower();
	if (!model_takes_ext(&model.apics[taker], false))
		wait_by(taker, args[0] % 2 ? WAIT_SPIN : WAIT_HLT);
	if (i == taker)
		i = (i + 1) % nr_vcpus;
	note("shared input: %u times, by vCPU %d, for vCPU %d", n, i, taker);
	check_caused("IRQWIN");
	set_lowered_by_handler(false);
	stop_others(i);
	write_mask(i, false);
	kvm_irq_line(vm, SHARED_IRQ, 1);
	if (args[3] % 4 == 0)
		toggle_by_vmm(n);
	else
		execute(i, CMD_TOGGLE, n, mask_of(false) | mask_of(true) << 8);

	/* In the end it's there, as often as it's taken. */
	write_mask(i, false);
	model_pic(true, false);
	model.pic.may_be_spurious = true;
	model_settle(-1);
	collect();
	if (!await(is_taken()))
		fail("vCPU %d lost a shared ExtINT: %s", taker, machine_describe(taker));
	kvm_irq_line(vm, SHARED_IRQ, 0);
	sync_takers();
	collect();
	start_all();
	set_lowered_by_handler(true);
	model_pic(false, false);
}
