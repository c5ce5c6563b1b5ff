// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PIT ticks only within an operation, for a known time.  What is left of it is the
 * ticks that are owed, i.e. those that KVM reinjects one by one, each when the last is
 * acknowledged.
 */
#include "apic.h"
#include "check.h"
#include "machine.h"
#include "model.h"
#include "ops.h"
#include "pic.h"
#include "pit.h"

#define PERIOD		9546		/* of 1193182 Hz */
#define PERIOD_US	8000
#define LAG_US		1000		/* until a tick that's due is seen, at most */
#define MODE_STOPPED	5
#define PORT_COUNT	0x40
#define PORT_CONTROL	0x43

static bool is_by_pic;

bool pit_owes(void)
{
	return model.pit.owed || model.ext_pending > 1;
}

/* What was owed is void: only the last one may be pending. */
static void void_ticks(void)
{
	model.pit.owed = 0;
	if (model.ext_pending > 1)
		model.ext_pending = 1;
}

static void create_pit(void)
{
	struct kvm_pit_config config = {};

	if (model.pit.is_there)
		return;
	vm_ioctl(vm, KVM_CREATE_PIT2, &config);
	model.pit.is_there = model.pit.reinjects = true;
}

/* By vCPU @i, or by the VMM, which doesn't void what is owed if that stops channel 0. */
static void set_channel(int i, uint8_t mode, uint16_t count, bool by_vmm)
{
	struct kvm_pit_state2 state;

	if (by_vmm) {
		vm_ioctl(vm, KVM_GET_PIT2, &state);
		state.channels[0].mode = mode;
		state.channels[0].count = count;
		vm_ioctl(vm, KVM_SET_PIT2, &state);
		return;
	}
	execute(i, CMD_OUT8, PORT_CONTROL, 0x30 | mode << 1);
	execute(i, CMD_OUT8, PORT_COUNT, count & 0xff);
	execute(i, CMD_OUT8, PORT_COUNT, count >> 8);
}

/* Writing the count voids what is owed.  It's the longest one, and the VMM is fast enough to stop it before it ends. */
static void write_count(int i, bool by_vmm)
{
	set_channel(i, 0, 0, by_vmm);
	set_channel(i, MODE_STOPPED, 0, true);
}

void pit_start(void)
{
	create_pit();
	set_channel(0, 2, PERIOD, true);
}

static void write_pin(int i, bool masked)
{
	struct pit *p = &model.pit;

	write_entry(i, p->pin, p->vector | IOAPIC_MASKED, (uint32_t)p->dest << 24);
	if (!masked)
		write_entry(i, p->pin, p->vector, (uint32_t)p->dest << 24);
	p->masked = masked;
}

/* Programming the PIC anew forgets ticks that it got while they were masked. */
static void set_path(int i, bool by_pic, int pin)
{
	if (pin != model.pit.pin && model.pit.vector)
		write_pin(i, true);
	model.pit.pin = pin;
	set_routes();
	write_pin(i, by_pic);
	if (by_pic || is_by_pic)
		pic_program(by_pic ? 1 : 0);
	if (by_pic)
		pic_accept(0, true);
	is_by_pic = by_pic;
}

/* Nothing of it is pending or in service. */
static bool is_idle(void)
{
	int i, vector;

	for (i = 0; i < nr_vcpus; i++)
		for (vector = FIRST_PIT_VECTOR; vector < FIRST_VECTOR; vector++)
			if (model.apics[i].irr[vector] || model.apics[i].isr[vector])
				return false;
	return !model.ext_pending;
}

/* The least and the most ticks of @n periods. */
struct count {
	unsigned int least, most;
};

static struct count run(int i, uint8_t mode, unsigned int n, bool by_vmm)
{
	uint64_t before = now_us(), started, stop;
	struct count count;

	set_channel(i, mode, PERIOD, by_vmm);
	started = now_us();
	while (now_us() - started < n * PERIOD_US + PERIOD_US / 2)
		pause_us(500);
	stop = now_us();
	set_channel(i, MODE_STOPPED, PERIOD, by_vmm);
	count.least = (stop - started - LAG_US) / PERIOD_US;
	count.most = (now_us() - before) / PERIOD_US;
	note("PIT: %u to %u ticks, took %lu us", count.least, count.most, now_us() - before);
	return count;
}

static unsigned int taken(int i, bool by_pic)
{
	return by_pic ? mailbox(i)->nr_ext - model.apics[i].nr_ext :
			mailbox(i)->nr_log - model.apics[i].nr_log;
}

/*
 * How many were delivered or are owed.  If it isn't known how often it has ticked, or
 * if ticks that come too fast are dropped, then what was taken in the end.
 */
static unsigned int nr_ticks(int i, struct count count, bool by_pic, bool by_vmm)
{
	unsigned int n;

	if (model.pit.reinjects && count.least == count.most)
		return count.least;
	write_count(0, by_vmm);
	do {
		n = taken(i, by_pic);
		pause_us(10 * LAG_US);
	} while (n != taken(i, by_pic));
	if (n > count.most)
		fail("vCPU %d took %u ticks, but no more than %u were due", i, n, count.most);
	return n ?: 1;
}

static void tick_by_pic(unsigned int n)
{
	model.ext_pending = n;
	model.pit.nr_ext += n;
	check_caused("IRQWIN");
}

static void tick_by_ioapic(int i, unsigned int n)
{
	if (!await(check_find(model.pit.vector, 1u << i) >= 0))
		fail("vCPU %d didn't get a tick of the PIT", i);
	model.pit.owed = n - 1;
	check_caused("PIT_REINJ");
	model_accept(i, model.pit.vector, false);
}

static void tick(const uint16_t *args, bool by_pic)
{
	static const uint8_t modes[] = { 2, 3, 2, 0, 4 };
	bool by_vmm = args[1] / 32 % 4 == 1;
	int i = by_pic ? 0 : actor(args[0]);
	uint8_t mode = modes[args[1] % 5];
	unsigned int n = mode == 2 || mode == 3 ? 1 + args[2] % 4 : 1;
	struct pit *p = &model.pit;
	struct apic *a = &model.apics[i];
	struct count count;

	if (machine_is_split)
		return;
	create_pit();
	if (!is_idle()) {
		note("PIT: what is owed is void");
		write_count(i, by_vmm);
		void_ticks();
		return;
	}
	if (!is_enabled(i) || a->mode == OFF || (by_pic && !pic_is_for_vcpu0()))
		return;
	if (model_targets(-1, (uint64_t)model_id(a) << 32) != 1u << i)
		return;
	/* Without reinjection, how many remain if the handler leaves the EOI for later? */
	if (!p->reinjects && a->keep)
		return;

	p->target = i;
	p->dest = model_id(a);
	p->vector = FIRST_PIT_VECTOR + args[3] % 8;
	set_path(i, by_pic, args[3] / 8 % 2 * 2);
	note("PIT: mode %u, %u ticks to vCPU %d by the %s", mode, n, i, by_pic ? "PIC" : "I/O APIC");
	count = run(i, mode, n, by_vmm);
	if (n == 1 && mode != 2 && mode != 3)
		count.least = count.most = 1;
	n = nr_ticks(i, count, by_pic, by_vmm);
	if (by_pic)
		tick_by_pic(n);
	else
		tick_by_ioapic(i, n);
}

/* target, mode and by whom, ticks, vector and pin */
void op_pit(const uint16_t *args)
{
	tick(args, false);
}

void op_pit_pic(const uint16_t *args)
{
	tick(args, true);
}

/* actor.  What is owed while the pin is masked is void when it's unmasked. */
void op_pit_mask(const uint16_t *args)
{
	if (!model.pit.vector || is_by_pic)
		return;
	note("PIT: masked %d", !model.pit.masked);
	write_pin(actor(args[0]), !model.pit.masked);
	void_ticks();
}

/* on or off */
void op_reinject(const uint16_t *args)
{
	struct kvm_reinject_control control = { .pit_reinject = args[0] % 2 };

	if (machine_is_split)
		return;
	create_pit();
	vm_ioctl(vm, KVM_REINJECT_CONTROL, &control);
	if (control.pit_reinject == model.pit.reinjects)
		return;
	note("PIT: reinjection %d", control.pit_reinject);
	model.pit.reinjects = control.pit_reinject;
	void_ticks();
}

static struct kvm_pit_state2 saved;

void pit_save(void)
{
	if (model.pit.is_there)
		vm_ioctl(vm, KVM_GET_PIT2, &saved);
}

void pit_restore(void)
{
	struct kvm_reinject_control control = { .pit_reinject = model.pit.reinjects };

	if (!model.pit.is_there)
		return;
	model.pit.is_there = false;
	create_pit();
	vm_ioctl(vm, KVM_SET_PIT2, &saved);
	vm_ioctl(vm, KVM_REINJECT_CONTROL, &control);
	model.pit.reinjects = control.pit_reinject;
	void_ticks();
}
