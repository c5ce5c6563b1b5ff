// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program of apic_fuzz does, one operation after the other: each by one vCPU or
 * by the VMM, then all is quiet.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "apic.h"
#include "check.h"
#include "host.h"
#include "ioapic.h"
#include "machine.h"
#include "model.h"
#include "ops.h"
#include "pic.h"
#include "pit.h"

#define APIC_LDR	0xd0
#define APIC_DFR	0xe0
#define APIC_ISR	0x100
#define APIC_TMR	0x180
#define APIC_TMICT	0x380

#define MSI_GSI		24
#define FUZZ_SLOT	9

int actor(uint16_t arg)
{
	return arg % nr_vcpus;
}

/* Some vectors have one source only, see there. */
static uint8_t vector_of(uint16_t arg)
{
	uint8_t vector = FIRST_VECTOR + arg % (0xff - FIRST_VECTOR);

	return vector % 8 == 5 || vector % 8 == 6 ? vector - 2 : vector;
}

static uint8_t level_vector(uint16_t arg, int pin)
{
	return (FIRST_VECTOR + arg % 11 * 16) | 5 | (pin & 1) << 3;
}

static uint8_t rtc_vector(uint16_t arg)
{
	return (FIRST_VECTOR + arg % 11 * 16) | 6;
}

static uint8_t resample_vector(uint16_t arg)
{
	return (FIRST_VECTOR + arg % 11 * 16) | 0xe;
}

static bool is_off(int i)
{
	return model.apics[i].mode == OFF;
}

static bool is_x2apic(int i)
{
	return model.apics[i].mode == X2APIC;
}

static bool modes_are_mixed(void)
{
	int i;

	for (i = 1; i < nr_vcpus; i++)
		if (model.apics[i].mode != model.apics[0].mode)
			return true;
	return false;
}

static bool can_take_now(int i, uint8_t vector)
{
	struct apic *a = &model.apics[i];

	return !is_off(i) && !a->blocked && !a->irr[vector] &&
	       (a->wait == WAIT_HLT || a->wait == WAIT_SPIN) &&
	       vector >> 4 > model_ppr(a) >> 4;
}

uint64_t execute(int i, enum command what, uint64_t a, uint64_t b)
{
	model_run(i);
	return command(i, what, a, b);
}

void write_reg(int i, unsigned int reg, uint64_t value)
{
	execute(i, CMD_WRITE, reg, value);
}

/* Which pins are for whom has changed: that of the RTC isn't followed. */
static void ids_changed(void)
{
	model.pins[RTC_PIN].known = false;
}

static void set_logical_id(int i, uint8_t ldr, bool cluster)
{
	struct apic *a = &model.apics[i];

	write_reg(i, APIC_DFR, cluster ? 0x0fffffff : 0xffffffff);
	write_reg(i, APIC_LDR, (uint32_t)ldr << 24);
	a->dfr = cluster ? 0x0fffffff : 0xffffffff;
	a->ldr = (uint32_t)ldr << 24;
	ids_changed();
}

static void software_enable(int i, bool enable)
{
	uint32_t svr = 0xff | (enable ? APIC_SPIV_APIC_ENABLED : 0);

	write_reg(i, APIC_SPIV, svr);
	model.apics[i].svr = svr;
	model.apics[i].extint &= enable;
	ids_changed();
}

bool is_enabled(int i)
{
	return model.apics[i].svr & APIC_SPIV_APIC_ENABLED;
}

static void enable(int i)
{
	software_enable(i, true);
	if (!is_x2apic(i))
		set_logical_id(i, 1u << i, false);
}

/*
 * Interrupts.
 */

/* KVM: it's up to KVM which bits of a destination are whose. */
static bool formats_are_mixed(void)
{
	int i;

	for (i = 1; i < nr_vcpus; i++)
		if (model.apics[i].dfr != model.apics[0].dfr)
			return true;
	return false;
}

/* Each bit of a logical destination is somebody's, who is enabled. */
static bool is_complete(int src, uint64_t icr)
{
	uint32_t dest = icr >> 32;
	int bit;

	if (!(icr & APIC_DEST_LOGICAL) || dest == 0xff)
		return true;
	if (formats_are_mixed())
		return false;
	for (bit = 0; bit < 16; bit++) {
		uint64_t one = dest & ~0xffffull;

		if (!(dest & 1u << bit))
			continue;
		/* Of a cluster, the upper bits are its number. */
		if (dest <= 0xff && model.apics[src < 0 ? 0 : src].dfr >> 28 != 0xf) {
			if (bit >= 4)
				break;
			one = dest & 0xf0;
		}
		one |= 1u << bit;
		if (!model_targets(src, (icr & 0xffffffff) | one << 32))
			return false;
	}
	return true;
}

static unsigned int enabled(unsigned int targets)
{
	int i;

	for (i = 0; i < nr_vcpus; i++)
		if (!is_enabled(i))
			targets &= ~(1u << i);
	return targets;
}

/* To one of several: whom is up to KVM.  Before it's sent: is the answer visible? */
static bool lowest_is_visible(int src, uint64_t icr, unsigned int targets)
{
	int i;

	for (i = 0; i < nr_vcpus; i++)
		if (targets & 1u << i && model.apics[i].irr[icr & 0xff])
			return false;
	return targets && targets == enabled(targets) && is_complete(src, icr);
}

static void deliver_lowest(uint8_t vector, unsigned int targets, bool level)
{
	int winner = -1;

	if (!await((winner = check_find(vector, targets)) >= 0))
		fail("nobody of %x got vector %x with lowest priority", targets, vector);
	model_accept(winner, vector, level);
}

static void deliver(uint8_t vector, unsigned int targets, bool level)
{
	int i;

	for (i = 0; i < nr_vcpus; i++)
		if (targets & 1u << i)
			model_accept(i, vector, level);
}

/* KVM: who gets it isn't defined, or not the same for each way it is delivered by. */
static bool is_undefined(uint64_t icr)
{
	uint32_t dest = icr >> 32;

	return !(icr & APIC_DEST_ALLBUT) && modes_are_mixed() &&
	       (dest >= 0xff || icr & APIC_DEST_LOGICAL);
}

static uint64_t destination(int i, uint16_t arg, bool logical)
{
	if (logical && is_x2apic(i) && arg % 8 == 7)
		return arg % 16 == 15 ? 0xffffffff : 0x10001;
	if (logical)
		return arg % 4 ? arg / 4 % (1u << nr_vcpus) : arg / 4 % 256;
	if (arg % 16 == 15)
		return is_x2apic(i) ? 0xffffffff : 0xff;
	return arg % (nr_vcpus + 1);
}

static void send(int i, uint64_t icr)
{
	execute(i, CMD_ICR, icr, 0);
	model.apics[i].icr = icr;
	model.apics[i].icr_known = true;
}

/* actor, how, destination, vector */
static void op_ipi(const uint16_t *args)
{
	static const uint32_t shorthands[] = {
		0, 0, 0, 0, 0, APIC_DEST_SELF, APIC_DEST_ALLINC, APIC_DEST_ALLBUT
	};
	int i = actor(args[0]);
	bool logical = args[1] & 1, level = args[1] / 16 % 8 == 1, lowest = args[1] / 128 % 4 == 1;
	uint32_t shorthand = shorthands[args[1] / 2 % 8];
	uint8_t vector = vector_of(args[3]);
	unsigned int targets;
	uint64_t icr;

	lowest = lowest && logical && !shorthand;
	icr = destination(i, args[2], logical) << 32 | shorthand | vector | APIC_INT_ASSERT |
	      (logical ? APIC_DEST_LOGICAL : 0) | (level ? APIC_INT_LEVELTRIG : 0) |
	      (lowest ? APIC_DM_LOWEST : APIC_DM_FIXED);
	if (is_off(i) || is_undefined(icr))
		return;

	targets = model_targets(i, icr);
	note("vCPU %d sends ICR %lx, for vCPUs %x", i, icr, targets);
	/* CPUs virtualize self-IPIs even if the APIC is disabled by software. */
	if (targets & 1u << i && !enabled(1u << i))
		return;
	if (lowest && !lowest_is_visible(i, icr, targets))
		return;
	send(i, icr);
	if (lowest)
		deliver_lowest(vector, targets, level);
	else
		deliver(vector, targets, level);
}

/* actor, vector */
static void op_self(const uint16_t *args)
{
	int i = actor(args[0]);

	if (!is_x2apic(i) || !enabled(1u << i))
		return;
	execute(i, CMD_SELF, vector_of(args[1]), 0);
	model_accept(i, vector_of(args[1]), false);
}

/* actor, destination, shorthand */
static void op_nmi(const uint16_t *args)
{
	int j, i = actor(args[0]);
	uint64_t icr = destination(i, args[1], false) << 32 | APIC_DM_NMI | APIC_INT_ASSERT |
		       (args[2] % 4 == 1 ? APIC_DEST_ALLBUT : 0);
	unsigned int targets = model_targets(i, icr);

	if (is_off(i) || is_undefined(icr))
		return;
	/* One that waits for another isn't always delivered on bochs-svm. */
	for (j = 0; j < nr_vcpus; j++)
		if (targets & 1u << j && model.apics[j].nmi_pending)
			return;
	send(i, icr);
	for (j = 0; j < nr_vcpus; j++)
		if (targets & 1u << j)
			model_nmi(j);
	model_run(i);
}

static void reset_by_init(int i)
{
	struct apic *a = &model.apics[i];

	model_init(i);
	a->nmi_pending = 0;
	if (a->wait == WAIT_OUT)
		machine_poke(i);
}

/* actor, destination, shorthand.  Not to vCPU 0, which would start from its ROM. */
static void op_init(const uint16_t *args)
{
	int j, i = actor(args[0]);
	uint64_t icr = destination(i, args[1], false) << 32 | APIC_INT_ASSERT |
		       (args[2] % 4 == 1 ? APIC_DEST_ALLBUT : 0);
	unsigned int targets = model_targets(i, icr | APIC_DM_INIT), nr_sipi[MAX_VCPUS];

	if (is_off(i) || is_undefined(icr) || targets & (1u << i | 1) || pit_owes())
		return;
	for (j = 0; j < nr_vcpus; j++) {
		nr_sipi[j] = cpus[j].nr_sipi;
		/* The PIC would wait for its EOI. */
		if (targets & 1u << j && model.apics[j].extint)
			pic_accept(j, false);
	}
	send(i, icr | APIC_DM_INIT);
	send(i, icr | APIC_DM_STARTUP | SIPI_VECTOR);
	for (j = 0; j < nr_vcpus; j++) {
		if (!(targets & 1u << j))
			continue;
		reset_by_init(j);
		if (!await(*(volatile unsigned int *)&cpus[j].nr_sipi != nr_sipi[j]))
			fail("vCPU %d got no INIT or no SIPI", j);
		enable(j);
	}
}

/* actor */
static void op_eoi(const uint16_t *args)
{
	int i = actor(args[0]);

	if (is_off(i))
		return;
	write_reg(i, APIC_EOI, 0);
	model_eoi(i);
}

/* Often 0, or nothing would be taken. */
static uint8_t priority_of(uint16_t arg)
{
	return arg % 3 ? arg % 16 : 0;
}

/* actor, value */
static void op_tpr(const uint16_t *args)
{
	int i = actor(args[0]);

	if (is_off(i))
		return;
	write_reg(i, APIC_TASKPRI, priority_of(args[1]) << 4);
	model.apics[i].tpr = priority_of(args[1]) << 4;
}

/* actor, value */
static void op_cr8(const uint16_t *args)
{
	int i = actor(args[0]);

	if (is_off(i))
		return;
	execute(i, CMD_CR8, priority_of(args[1]), 0);
	model.apics[i].tpr = priority_of(args[1]) << 4;
}

/* actor, how it waits from now on, whether its handlers keep the EOI for later */
static void op_wait(const uint16_t *args)
{
	int i = actor(args[0]);
	enum wait wait = args[1] % NR_WAITS;

	note("vCPU %d waits by %d, handlers %s", i, wait, args[2] % 3 ? "do EOI" : "don't");
	mailbox(i)->keep = args[2] % 3 == 0;
	model.apics[i].keep = args[2] % 3 == 0;
	mailbox(i)->wait = wait;
	execute(i, CMD_NOP, 0, 0);
	model.apics[i].wait = wait;
}

/* actor: IF=1 for a moment */
static void op_window(const uint16_t *args)
{
	int i = actor(args[0]);

	/* One tick after another: when the window is closed again? */
	if (pit_owes())
		return;
	execute(i, CMD_WINDOW, 0, 0);
	model_settle(i);
}

/* actor, vector, ticks */
static void op_timer(const uint16_t *args)
{
	int i = actor(args[0]);
	uint8_t vector = vector_of(args[1]);

	if (!can_take_now(i, vector) || !enabled(1u << i))
		return;
	execute(i, CMD_TIMER, vector, 100 + args[2] % 20000);
	model_accept(i, vector, false);
	model_settle(-1);
	check_all();
	/* KVM_SET_LAPIC expires a timer that has expired. */
	write_reg(i, APIC_TMICT, 0);
}

/*
 * Registers of an APIC.
 */

/* actor, ID */
static void op_id(const uint16_t *args)
{
	int i = actor(args[0]);
	uint8_t id = args[1] % 4 == 3 ? args[1] / 4 % (nr_vcpus + 1) : i;

	if (is_off(i) || is_x2apic(i) || pit_owes())
		return;
	write_reg(i, APIC_ID, (uint32_t)id << 24);
	model.apics[i].id = id;
	ids_changed();
}

/* actor, LDR, cluster */
static void op_ldr(const uint16_t *args)
{
	int i = actor(args[0]);
	bool cluster = args[2] % 4 == 1;
	uint8_t ldr = 1u << i;

	if (is_off(i) || is_x2apic(i))
		return;
	if (args[1] % 2)
		ldr = cluster ? args[1] / 2 % 2 << 4 | args[1] / 4 % 16 : args[1] / 2 % 256;
	else if (cluster)
		ldr = (i / 4) << 4 | 1u << i % 4;
	set_logical_id(i, ldr, cluster);
}

/* actor, enable */
static void op_svr(const uint16_t *args)
{
	int i = actor(args[0]);

	/* LVT0 would be masked. */
	if (is_off(i) || (i == 0 && model.ext_pending))
		return;
	software_enable(i, args[1] % 4);
}

static void write_base(int i, uint64_t base, bool by_vmm)
{
	struct kvm_sregs sregs;

	if (!by_vmm) {
		execute(i, CMD_BASE, base, 0);
		return;
	}
	machine_stop(i);
	vcpu_sregs_get(cpus[i].vcpu, &sregs);
	sregs.apic_base = base;
	vcpu_sregs_set(cpus[i].vcpu, &sregs);
	mailbox(i)->base = base;
	machine_start(i);
}

static uint64_t base_of(int i, enum mode mode)
{
	return (model.apics[i].base & ~0xfffull) | (i ? 0 : MSR_IA32_APICBASE_BSP) |
	       (mode == OFF ? 0 : MSR_IA32_APICBASE_ENABLE) |
	       (mode == X2APIC ? MSR_IA32_APICBASE_EXTD : 0);
}

/* Of x2APIC mode there's no way to xAPIC mode, or from OFF to x2APIC mode, at once. */
static void set_mode(int i, enum mode mode, bool by_vmm)
{
	struct apic *a = &model.apics[i];
	enum mode old = a->mode;

	if (mode == old)
		return;
	if (mode == XAPIC && old == X2APIC)
		write_base(i, base_of(i, OFF), by_vmm);
	if (mode == X2APIC && old == OFF)
		write_base(i, base_of(i, XAPIC), by_vmm);
	write_base(i, base_of(i, mode), by_vmm);
	a->mode = mode;
	a->id = a->vcpu_id;
	/* KVM: nothing else is as after power-on.  The halves of the ICR are undefined. */
	a->icr_known = false;
	ids_changed();
	if (mode == XAPIC)
		set_logical_id(i, 1u << i, false);
}

/* actor, mode, by the VMM, all vCPUs.  What is pending would be undefined. */
static void op_mode(const uint16_t *args)
{
	static const enum mode modes[] = { XAPIC, X2APIC, X2APIC, OFF };
	int j, i = actor(args[0]);
	bool all = args[3] % 4;

	if (pit_owes())
		return;
	note("mode %d for %d", modes[args[1] % 4], all ? -1 : i);
	for (j = 0; j < nr_vcpus; j++)
		if ((all || i == j) && model_is_idle(&model.apics[j]) &&
		    !model.ext_pending)
			set_mode(j, modes[args[1] % 4], args[2] % 2);
}

/* actor, where, by the VMM */
static void op_base(const uint16_t *args)
{
	int i = actor(args[0]);

	if (is_off(i))
		return;
	model.apics[i].base = args[1] % 3 == 2 ? BASE_AWAY : BASE_DEFAULT;
	write_base(i, base_of(i, model.apics[i].mode), args[2] % 2);
}

/* actor, register */
static void op_read(const uint16_t *args)
{
	static const uint16_t regs[] = {
		APIC_ID, APIC_TASKPRI, APIC_PROCPRI, APIC_LDR, APIC_DFR, APIC_SPIV, APIC_ICR,
		APIC_ISR, APIC_TMR, APIC_IRR
	};
	unsigned int reg = regs[args[1] % ARRAY_SIZE(regs)];
	int i = actor(args[0]);
	uint64_t want, got;

	if (reg >= APIC_ISR && reg <= APIC_IRR)
		reg += args[2] % 8 * 0x10;
	if (is_off(i) || !model_reg(&model.apics[i], reg, &want))
		return;
	got = execute(i, CMD_READ, reg, 0);
	if (got != want)
		fail("vCPU %d reads register %x as %lx, not %lx", i, reg, got, want);
}

/* actor */
static void op_read_cr8(const uint16_t *args)
{
	int i = actor(args[0]);
	uint64_t got = execute(i, CMD_READ_CR8, 0, 0);

	if (got != model.apics[i].tpr >> 4)
		fail("vCPU %d reads CR8 as %lx, not %x", i, got, model.apics[i].tpr >> 4);
}

/* actor, offset, bytes: what is read is undefined */
static void op_load(const uint16_t *args)
{
	int i = actor(args[0]);
	unsigned int bytes = 1u << args[2] % 4;

	if (model.apics[i].mode == XAPIC)
		execute(i, CMD_LOAD, args[1] % 0x400 / bytes * bytes, bytes);
}

/*
 * The VMM.
 */

/* how, destination, vector */
static void op_msi(const uint16_t *args)
{
	bool logical = args[0] & 1, lowest = args[0] / 2 % 4 == 1, level = args[0] / 8 % 4 == 1;
	uint8_t vector = vector_of(args[2]);
	uint8_t dest = logical ? args[1] % 256 : args[1] % 16 == 15 ? 0xff : args[1] % (nr_vcpus + 1);
	uint64_t icr = (uint64_t)dest << 32 | (logical ? APIC_DEST_LOGICAL : 0);
	struct kvm_msi msi = {
		.address_lo = BASE_DEFAULT | dest << 12 | (logical ? 4 : 0),
		.data = vector | (level ? 1u << 14 | 1u << 15 : 0) | (lowest && logical ? 0x100 : 0),
	};
	struct pin like = { .dest = dest, .logical = logical };
	unsigned int targets = model_pin_targets(&like);

	lowest = lowest && logical;
	if (lowest && (modes_are_mixed() || !lowest_is_visible(-1, icr, targets)))
		return;
	note("MSI address %x, data %x, for vCPUs %x", msi.address_lo, msi.data, targets);
	__vm_ioctl(vm, KVM_SIGNAL_MSI, &msi);
	if (lowest)
		deliver_lowest(vector, targets, level);
	else
		deliver(vector, targets, level);
}

static void route_msi(struct kvm_irq_routing *routes, int gsi, uint32_t address, uint32_t data)
{
	routes->entries[routes->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi, .type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = address, .data = data },
	};
}

/* The pins of an I/O APIC in user space, by which KVM knows whose EOIs it wants to know of. */
static void route_pins(struct kvm_irq_routing *routes)
{
	struct pin *p;
	int i;

	for (i = 0; i < NR_PINS; i++) {
		p = &model.pins[i];
		if (p->vector && !p->masked)
			route_msi(routes, i, BASE_DEFAULT | p->dest << 12 | (p->logical ? 4 : 0),
				  p->vector | (p->level ? 1u << 14 | 1u << 15 : 0));
	}
}

/* GSIs as they are by default but for the PIT's. */
static void route_irqchip(struct kvm_irq_routing *routes)
{
	struct kvm_irq_routing_entry *e;
	int i;

	for (i = 0; i < NR_PINS; i++) {
		/* A pin has one GSI. */
		if (i && i == model.pit.pin)
			continue;
		e = &routes->entries[routes->nr++];
		*e = (struct kvm_irq_routing_entry){
			.gsi = i, .type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = { .irqchip = KVM_IRQCHIP_IOAPIC, .pin = i ?: model.pit.pin },
		};
		if (i >= 16)
			continue;
		e = &routes->entries[routes->nr++];
		*e = (struct kvm_irq_routing_entry){
			.gsi = i, .type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = { .irqchip = i / 8, .pin = i % 8 },
		};
	}
}

static uint32_t msi_address = BASE_DEFAULT, msi_data;

void set_routes(void)
{
	struct kvm_irq_routing *routes = kvm_gsi_routing_create();

	if (machine_is_split)
		route_pins(routes);
	else
		route_irqchip(routes);
	route_msi(routes, MSI_GSI, msi_address, msi_data);
	kvm_gsi_routing_write(vm, routes);
}

static int irqfd = -1;

static void assign_irqfd(void)
{
	struct kvm_irqfd args = { .gsi = MSI_GSI, .fd = irqfd };

	vm_ioctl(vm, KVM_IRQFD, &args);
}

/* destination, vector */
static void op_irqfd(const uint16_t *args)
{
	uint8_t dest = args[0] % (nr_vcpus + 1), vector = vector_of(args[1]);
	uint64_t one = 1;

	msi_address = BASE_DEFAULT | dest << 12;
	msi_data = vector;
	set_routes();
	if (irqfd < 0) {
		irqfd = eventfd(0, EFD_NONBLOCK);
		assign_irqfd();
	}
	TEST_ASSERT(write(irqfd, &one, sizeof(one)) == sizeof(one), "write()");
	deliver(vector, model_targets(-1, (uint64_t)dest << 32), false);
}

void write_entry(int i, int pin, uint32_t low, uint32_t high)
{
	execute(i, CMD_MMIO, IOAPIC_GPA, 0x10 + 2 * pin);
	execute(i, CMD_MMIO, IOAPIC_GPA + 0x10, low);
	execute(i, CMD_MMIO, IOAPIC_GPA, 0x11 + 2 * pin);
	execute(i, CMD_MMIO, IOAPIC_GPA + 0x10, high);
}

#define IOAPIC_LOGICAL	BIT(11)
#define IOAPIC_LEVEL	BIT(15)

/* Whose line a handler lowers, 0 if none. */
static void set_level_vector(uint8_t vector, int gsi_plus_1)
{
	int i;

	for (i = 0; i < MAX_VCPUS; i++)
		mailbox(i)->level[vector] = gsi_plus_1;
}

static uint8_t pin_vector(int pin, uint16_t arg)
{
	switch (pin) {
	case RTC_PIN:
		return rtc_vector(arg);
	case RESAMPLE_PIN:
		return resample_vector(arg);
	case 16:
	case 17:
		return level_vector(arg, pin);
	default:
		return vector_of(arg);
	}
}

static void write_pin(int i, int pin, const struct pin *new)
{
	uint32_t low = new->vector | (new->logical ? IOAPIC_LOGICAL : 0) |
		       (new->level ? IOAPIC_LEVEL : 0);

	kvm_irq_line(vm, pin, 0);
	write_entry(i, pin, IOAPIC_MASKED, 0);
	write_entry(i, pin, low | IOAPIC_MASKED, (uint32_t)new->dest << 24);
	if (!new->masked)
		write_entry(i, pin, low, (uint32_t)new->dest << 24);
}

/* Level-triggered pins have one destination.  Nothing is programmed while something is in flight. */
static bool program_pin(int i, int pin, struct pin new, uint16_t vector)
{
	struct pin *p = &model.pins[pin];

	if (p->line || p->remote_irr || (pin == RTC_PIN && model_rtc_is_pending()))
		return false;
	new.known = true;
	new.level = pin == 16 || pin == 17 || pin == RESAMPLE_PIN;
	new.vector = pin_vector(pin, vector);
	note("pin %d: vector %x, destination %x, logical %d, masked %d", pin, new.vector, new.dest,
	     new.logical, new.masked);
	if (new.level && __builtin_popcount(model_pin_targets(&new)) > 1)
		return false;
	if (new.level && pin != RESAMPLE_PIN) {
		set_level_vector(p->vector, 0);
		set_level_vector(new.vector, pin + 1);
	}
	*p = new;
	if (machine_is_split) {
		ioapic_program(pin, new.vector, new.level, new.masked);
		set_routes();
	} else {
		write_pin(i, pin, &new);
	}
	return true;
}

/* actor, pin and whether logical, destination, vector */
static void op_pin(const uint16_t *args)
{
	static const uint8_t pins[] = { 16, 17, 18, 19, RTC_PIN };
	struct pin new = {
		.logical = args[1] / 8 % 2, .masked = args[1] / 16 % 8 == 1,
		.dest = args[2] % (nr_vcpus + 1),
	};

	program_pin(actor(args[0]), pins[args[1] % ARRAY_SIZE(pins)], new, args[3]);
}

/* KVM: whether a tick of the RTC is coalesced matters to those who ask for the status. */
static void set_line(int gsi, int level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	vm_ioctl(vm, KVM_IRQ_LINE_STATUS, &line);
}

/*
 * An interrupt whose line KVM lowers on EOI, and says so.
 */
static int resample_fds[2] = { -1, -1 };

static void assign_resample(uint32_t flags)
{
	struct kvm_irqfd args = {
		.gsi = RESAMPLE_PIN, .flags = flags,
		.fd = resample_fds[0], .resamplefd = resample_fds[1],
	};

	vm_ioctl(vm, KVM_IRQFD, &args);
}

/* Anew: after INIT, the line may be high without anybody who acknowledges it. */
static void create_resample(void)
{
	if (resample_fds[0] >= 0) {
		assign_resample(KVM_IRQFD_FLAG_DEASSIGN);
		close(resample_fds[0]);
		close(resample_fds[1]);
	}
	resample_fds[0] = eventfd(0, EFD_NONBLOCK);
	resample_fds[1] = eventfd(0, EFD_NONBLOCK);
	assign_resample(KVM_IRQFD_FLAG_RESAMPLE);
}

static unsigned int nr_resampled;

bool ops_resampled(unsigned int *got)
{
	uint64_t n;

	if (resample_fds[1] >= 0 && read(resample_fds[1], &n, sizeof(n)) == sizeof(n))
		nr_resampled += n;
	*got = nr_resampled;
	return !model.pins[RESAMPLE_PIN].known || nr_resampled == model.pins[RESAMPLE_PIN].nr_acks;
}

/* One of its vectors is pending or in service: INIT of another vCPU makes the model forget the pin. */
static bool resample_is_pending(void)
{
	struct apic *a;
	int vector;

	for (a = model.apics; a < model.apics + MAX_VCPUS; a++)
		for (vector = resample_vector(0); vector < 256; vector += 16)
			if (a->irr[vector] || a->isr[vector])
				return true;
	return false;
}

/* actor, destination and whether logical, vector */
static bool program_resample(int i, struct pin new, uint16_t vector)
{
	struct pin *p = &model.pins[RESAMPLE_PIN];

	if (p->line || p->remote_irr || resample_is_pending())
		return false;
	create_resample();
	nr_resampled = p->nr_acks = 0;
	return program_pin(i, RESAMPLE_PIN, new, vector);
}

static void set_resample(void)
{
	uint64_t one = 1;

	TEST_ASSERT(write(resample_fds[0], &one, sizeof(one)) == sizeof(one), "write()");
}

static void set_pin(int pin, bool level)
{
	if (machine_is_split) {
		ioapic_raise(pin);
	} else if (pin == RESAMPLE_PIN) {
		set_resample();
	} else {
		set_line(pin, 1);
		if (!level)
			set_line(pin, 0);
	}
}

static void raise_pin(int pin)
{
	struct pin *p = &model.pins[pin];
	unsigned int targets;
	bool is_coalesced;

	/* KVM: what a masked pin remembers isn't modelled. */
	if (!p->known || p->masked)
		return;
	/* If the APIC was moved or disabled, who lowers the line isn't known. */
	targets = model_pin_targets(p);
	if (p->level && (__builtin_popcount(targets) != 1 || targets != enabled(targets)))
		return;
	is_coalesced = pin == RTC_PIN && !machine_is_split && model_rtc_is_pending();
	note("line %d", pin);
	set_pin(pin, p->level);
	if (!is_coalesced)
		model_raise(pin);
}

/* pin */
static void op_line(const uint16_t *args)
{
	static const uint8_t pins[] = { 16, 17, 18, 19, RTC_PIN };

	raise_pin(pins[args[0] % ARRAY_SIZE(pins)]);
}

/* actor, what, destination, vector */
static void op_resample(const uint16_t *args)
{
	struct pin new = { .logical = args[1] / 8 % 2, .dest = args[2] % (nr_vcpus + 1) };

	if (machine_is_split)
		return;
	if (args[1] % 4 == 0 || !model.pins[RESAMPLE_PIN].known)
		program_resample(actor(args[0]), new, args[3]);
	raise_pin(RESAMPLE_PIN);
}

static void block_irqs(int i, bool block)
{
	struct kvm_guest_debug debug = {};

	if (block)
		debug.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_BLOCKIRQ;
	vcpu_guest_debug_set(cpus[i].vcpu, &debug);
}

/* actor, inhibit */
static void op_blockirq(const uint16_t *args)
{
	int i = actor(args[0]);
	bool block = args[1] % 2;

	note("BLOCKIRQ of vCPU %d: %d", i, block);
	machine_stop(i);
	block_irqs(i, block);
	machine_start(i);
	model.apics[i].blocked = block;
	check_caused("BLOCKIRQ");
}

#define MSR_SINT0	0x40000090
#define SINT_AUTO_EOI	BIT(17)
#define SINT_VECTOR	0x31

static bool has_synic[MAX_VCPUS];

static void create_synic(int i)
{
	vcpu_enable_cap(cpus[i].vcpu, KVM_CAP_HYPERV_SYNIC2, 0);
	has_synic[i] = true;
}

static void write_sint(int i, bool auto_eoi)
{
	vcpu_set_msr(cpus[i].vcpu, MSR_SINT0, SINT_VECTOR | (auto_eoi ? SINT_AUTO_EOI : 0));
}

static void set_auto_eoi(int i, bool on)
{
	machine_stop(i);
	if (!has_synic[i])
		create_synic(i);
	write_sint(i, on);
	machine_start(i);
	model.apics[i].auto_eoi = on;
	check_caused("HYPERV");
}

/* actor, inhibit */
static void op_autoeoi(const uint16_t *args)
{
	set_auto_eoi(actor(args[0]), args[1] % 2);
}

/* actor: leaves everything as it is */
static void op_setlapic(const uint16_t *args)
{
	struct kvm_lapic_state state;
	int i = actor(args[0]);

	machine_stop(i);
	vcpu_ioctl(cpus[i].vcpu, KVM_GET_LAPIC, &state);
	vcpu_ioctl(cpus[i].vcpu, KVM_SET_LAPIC, &state);
	machine_start(i);
}

/* actor: leaves everything as it is */
static void op_state(const uint16_t *args)
{
	struct kvm_x86_state *state;
	struct kvm_lapic_state lapic;
	int i = actor(args[0]);

	machine_stop(i);
	state = vcpu_save_state(cpus[i].vcpu);
	vcpu_ioctl(cpus[i].vcpu, KVM_GET_LAPIC, &lapic);
	vcpu_load_state(cpus[i].vcpu, state);
	vcpu_ioctl(cpus[i].vcpu, KVM_SET_LAPIC, &lapic);
	kvm_x86_state_cleanup(state);
	machine_start(i);
}

static void restore_vm(void)
{
	pit_restore();
	set_routes();
	if (irqfd >= 0)
		assign_irqfd();
	if (resample_fds[0] >= 0)
		assign_resample(KVM_IRQFD_FLAG_RESAMPLE);
}

static void prepare(int i)
{
	if (has_synic[i])
		create_synic(i);
}

/* What's no part of the state that is saved. */
static void restore_rest(int i)
{
	if (i == 0)
		restore_vm();
	if (has_synic[i])
		write_sint(i, model.apics[i].auto_eoi);
	if (model.apics[i].blocked)
		block_irqs(i, true);
}

/* A new VM. */
static void op_migrate(const uint16_t *args)
{
	dma_stop();
	pit_save();
	machine_migrate(prepare, restore_rest);
}

/* actor: out of KVM_RUN and back */
static void op_kick(const uint16_t *args)
{
	int i = actor(args[0]);

	machine_stop(i);
	machine_start(i);
}

#define MSR_PV_EOI_EN	0x4b564d04

/* actor, on or off: the guest doesn't notice, but that its handlers need to do no EOI */
static void op_pv_eoi(const uint16_t *args)
{
	int i = actor(args[0]);
	uint64_t gpa = addr_gva2gpa(vm, (vm_vaddr_t)&mail[i].pv_eoi), value = args[1] % 4 ? gpa | 1 : 0;

	execute(i, CMD_WRMSR, MSR_PV_EOI_EN, value);
}

/* actor: the guest doesn't notice */
static void op_smi(const uint16_t *args)
{
	int i = actor(args[0]);
	uint8_t nr_smi = machine_nr_smi() + 1;

	/* KVM: it waits as long as interrupts do. */
	if (model.apics[i].blocked)
		return;
	machine_stop(i);
	vcpu_ioctl(cpus[i].vcpu, KVM_SMI, NULL);
	machine_start(i);
	execute(i, CMD_NOP, 0, 0);
	if (!await(machine_nr_smi() == nr_smi))
		fail("vCPU %d took no SMI: %s", i, machine_describe(i));
}

/* actor, whether L1 intercepts interrupts: IF=1 for a moment, in L2 */
static void op_l2(const uint16_t *args)
{
	int i = actor(args[0]);
	uint64_t exit;

	/* One tick after another: when the window is closed again? */
	if (!machine_nested || pit_owes())
		return;
	check_caused("IRQWIN");
	exit = execute(i, CMD_L2, machine_nested,
		       (args[1] % 2 ? L2_INTERCEPT : 0) | (is_intel_cpu() ? L2_VMX : 0));
	if (exit)
		fail("vCPU %d: L2 exits for reason %lx", i, exit);
	model_settle(i);
}

static int max_vcpus;

static void add_vcpu(void)
{
	int i = nr_vcpus;

	model_add(i, i);
	machine_add_vcpu();
	enable(i);
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Have this thread's allocation number @n fail, if the kernel can do so. */
static bool fail_allocation(unsigned int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	return put("/sys/kernel/debug/failslab/ignore-gfp-wait", "0") &&
	       put("/proc/thread-self/fail-nth", text);
}

/* One that nobody needs: it's never used. */
#define SPARE_ID	(MAX_VCPUS + 8)

static void create_without_memory(unsigned int n)
{
	static bool is_there;
	int r;

	if (is_there || !fail_allocation(1 + n))
		return;
	r = __vm_ioctl(vm, KVM_CREATE_VCPU, (void *)(long)SPARE_ID);
	put("/proc/thread-self/fail-nth", "0");
	is_there = r >= 0;
	note("KVM_CREATE_VCPU with failing allocation %u: %d", 1 + n, r);
	/* If it was that of the APIC map: nobody knows then what the IDs are, until an APIC changes. */
	check_caused("APIC_ID_MODIFIED");
	if (r < 0 && errno != ENOMEM)
		fail("KVM_CREATE_VCPU without memory: %s", strerror(errno));
}

/* what: another vCPU, or one that can't be */
static void op_create(const uint16_t *args)
{
	static const struct { int id, error; } bad[] = {
		{ 0, EEXIST }, { 1, EEXIST }, { 4096, EINVAL }, { -1, EINVAL }
	};
	int n = args[0] / 2 % ARRAY_SIZE(bad), r;

	if (args[0] % 2 && nr_vcpus < max_vcpus && !pit_owes()) {
		add_vcpu();
		return;
	}
	r = __vm_ioctl(vm, KVM_CREATE_VCPU, (void *)(long)bad[n].id);
	if (r >= 0)
		fail("KVM_CREATE_VCPU succeeds with a bad ID");
	if (errno != bad[n].error)
		fail("KVM_CREATE_VCPU with ID %d: %s", bad[n].id, strerror(errno));
	if (args[1] % 2)
		create_without_memory(args[2] % 20);
}

/* what */
static void op_slot(const uint16_t *args)
{
	static void *memory;
	static uint64_t size;
	uint64_t gpa = SLOT_GPA + (args[0] / 4 % 2) * 0x100000;
	uint32_t flags = args[0] % 4 == 2 ? KVM_MEM_LOG_DIRTY_PAGES : 0;

	if (!memory)
		memory = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size = args[0] % 4 == 3 ? 0 : 0x10000;
	__vm_set_user_memory_region(vm, FUZZ_SLOT, flags, gpa, size, memory);
}

/*
 * All at once.
 */

/* All is quiet once more, within an operation. */
static void step(void)
{
	model_settle(-1);
	check_all();
}

void wait_by(int i, enum wait wait)
{
	mailbox(i)->wait = wait;
	model.apics[i].wait = wait;
	execute(i, CMD_NOP, 0, 0);
	step();
}

/* Everyone can take anything, by its own ID. */
static void make_ready(int i, enum wait wait)
{
	struct apic *a = &model.apics[i];

	if (a->blocked)
		op_blockirq((uint16_t[]){ i, 0 });
	if (is_off(i))
		set_mode(i, XAPIC, false);
	mailbox(i)->keep = 0;
	a->keep = false;
	write_reg(i, APIC_TASKPRI, 0);
	a->tpr = 0;
	/* Ticks that are owed go to its old ID, and are lost while it's disabled. */
	wait_by(i, wait);
	while (model_highest(a->isr) >= 0) {
		write_reg(i, APIC_EOI, 0);
		model_eoi(i);
		step();
	}
	enable(i);
	if (!is_x2apic(i))
		write_reg(i, APIC_ID, (uint32_t)i << 24);
	a->id = i;
	step();
}

/* APICv is inhibited while vCPU @i gives cause. */
static void inhibit(int i, bool by_auto_eoi, bool on)
{
	if (by_auto_eoi)
		set_auto_eoi(i, on);
	else
		op_blockirq((uint16_t[]){ i, on });
	step();
}

static void keep_eoi(int i, bool keep)
{
	mailbox(i)->keep = keep;
	model.apics[i].keep = keep;
	execute(i, CMD_NOP, 0, 0);
}

static bool program(int i, int pin, struct pin new, uint16_t vector)
{
	if (pin == RESAMPLE_PIN)
		return program_resample(i, new, vector);
	return program_pin(i, pin, new, vector);
}

/* The target is reset while it has an interrupt in service. */
static bool reset_in_service(int i, int pin)
{
	keep_eoi(i, true);
	raise_pin(pin);
	step();
	op_init((uint16_t[]){ 0, i, 0 });
	keep_eoi(i, false);
	step();
	make_ready(i, WAIT_SPIN);
	return !model.pins[pin].known;
}

/*
 * target, pin and how, when it's programmed and used, vector: a pin is used before, while
 * and after APICv is inhibited, or before and after INIT.  Each part of it is an
 * operation of its own, too, but they hardly ever are about the same pin.
 */
static void op_across(const uint16_t *args)
{
	static const uint8_t pins[] = { 16, 17, RTC_PIN, RESAMPLE_PIN };
	int i = actor(args[0]), other = (i + 1) % nr_vcpus, pin = pins[args[1] % 4];
	bool by_auto_eoi = args[1] / 4 % 2, is_early = args[2] % 2;
	bool resets = is_early && i && args[2] / 16 % 2 == 0, is_inhibited = args[2] / 4 % 2;
	struct pin new = { .logical = args[1] / 8 % 2 };

	if (pit_owes() || is_off(0) || (machine_is_split && pin == RESAMPLE_PIN))
		return;
	make_ready(i, args[1] / 16 % 2 ? WAIT_SPIN : WAIT_HLT);
	new.dest = new.logical && !is_x2apic(i) ? 1u << i : i;
	new.logical = new.logical && !is_x2apic(i);
	if (is_early && !program(i, pin, new, args[3]))
		return;
	if (is_early)
		raise_pin(pin);
	step();
	if (resets && !is_inhibited && reset_in_service(i, pin))
		program(i, pin, new, args[3]);
	inhibit(other, by_auto_eoi, true);
	if (resets && is_inhibited && reset_in_service(i, pin))
		program(i, pin, new, args[3]);
	if (!is_early && !program(i, pin, new, args[3]))
		is_early = true;
	if (args[2] / 2 % 2)
		raise_pin(pin);
	step();
	inhibit(other, by_auto_eoi, false);
	raise_pin(pin);
	step();
	raise_pin(pin);
}

/*
 * who, vector: vCPU 0 waits for an ExtINT while interrupts are masked, and so does another vCPU
 * for one of its local APIC, which it takes first.
 */
static void op_windows(const uint16_t *args)
{
	int i = 1 + args[0] % (nr_vcpus - 1);

	if (pit_owes() || is_off(0))
		return;
	make_ready(i, WAIT_SPIN);
	wait_by(i, WAIT_CLI);
	wait_by(0, WAIT_CLI);
	op_extint(args);
	step();
	op_ipi((uint16_t[]){ i, 5 << 1, 0, args[1] });
	step();
	wait_by(i, args[2] % 2 ? WAIT_SPIN : WAIT_HLT);
	wait_by(0, args[3] % 2 ? WAIT_SPIN : WAIT_HLT);
}

static void disturb(uint16_t how, int i)
{
	switch (how % 5) {
	case 0:
		op_blockirq((uint16_t[]){ i, 1 });
		op_blockirq((uint16_t[]){ i, 0 });
		break;
	case 1:
		set_auto_eoi(i, true);
		set_auto_eoi(i, false);
		break;
	case 2:
		op_slot((uint16_t[]){ how / 5 });
		break;
	case 3:
		op_kick((uint16_t[]){ i });
		break;
	default:
		break;
	}
}

static bool burst_arrived(int i)
{
	int j;

	for (j = 0; j < nr_vcpus; j++)
		if (mailbox(i)->burst[j])
			return false;
	return true;
}

static bool all_done(void)
{
	int i;

	for (i = 0; i < nr_vcpus; i++)
		if (!is_done(i))
			return false;
	return true;
}

static void start_burst(const uint16_t *args)
{
	int i;

	for (i = 0; i < nr_vcpus; i++)
		make_ready(i, args[0] >> i & 1 ? WAIT_SPIN : WAIT_HLT);
	for (i = 0; i < nr_vcpus; i++)
		command_start(i, CMD_BURST, 5 + args[1] % 20, nr_vcpus);
	for (i = 0; i < nr_vcpus; i++)
		if (mailbox(i)->wait == WAIT_HLT)
			machine_wake(i);
}

/* who halts, how many, how the VMM disturbs */
static void op_burst(const uint16_t *args)
{
	int i, n = 0;

	start_burst(args);
	while (!all_done() && n++ < 5)
		disturb(args[2] + n * args[3], n % nr_vcpus);
	for (i = 0; i < nr_vcpus; i++)
		command_finish(i);
	for (i = 0; i < nr_vcpus; i++)
		if (!await(burst_arrived(i)))
			fail("vCPU %d doesn't get IPIs of a burst: %s", i, machine_describe(i));
	for (i = 0; i < nr_vcpus; i++)
		model.apics[i].icr_known = false;
}

/*
 * target, sender, how many and how L2 waits, how the VMM disturbs: interrupts that one vCPU posts
 * to the L2 of another.
 */
static void op_l2_posted(const uint16_t *args)
{
	int i = actor(args[0]), j = (i + 1 + args[1] % (nr_vcpus - 1)) % nr_vcpus, n = 0;
	uint64_t times = 1 + args[2] / 4 % 20, exit;
	uint32_t how = args[2] % 4 == 0 ? 0 : args[2] % 4 == 1 ? L2_HALTS : L2_EXITS;

	if (pit_owes())
		return;
	pic_lower();
	make_ready(i, WAIT_SPIN);
	make_ready(j, WAIT_SPIN);
	if (!machine_posts_to_l2() || model_targets(j, (uint64_t)i << 32) != 1u << i)
		return;
	note("vCPU %d posts %lu interrupts to the L2 of vCPU %d: %x", j, times, i, how);
	machine_posted()->begun = machine_posted()->received = 0;
	command_start(i, CMD_L2_POSTED, times, how);
	command_start(j, CMD_POST, times, (uint64_t)i << 32 | how);
	while (!all_done() && n++ < 3)
		disturb(args[3] + n, n % 2 ? i : j);
	/* Nobody wakes an L2 that halts. */
	if (!await(all_done()) && !is_done(i))
		exit = L2_LOST;
	else
		exit = mailbox(i)->result;
	if (exit == L2_LOST)
		fail("vCPU %d: L2 lost interrupt %lu of %lu that were posted, %s", i, machine_posted()->begun,
		     times, machine_describe_posted());
	if (exit)
		fail("vCPU %d: L2 exits for reason %lx", i, exit);
	if (!await(!mailbox(i)->burst[j]))
		fail("vCPU %d doesn't get an interrupt that makes L2 exit: %s", i, machine_describe(i));
	model.apics[j].icr_known = false;
}

/* who halts, how many: end in the middle of it */
static void op_kill(const uint16_t *args)
{
	start_burst(args);
	if (args[3] % 2 && !machine_is_split)
		pit_start();
	pause_us(args[2] % 1000);
	_exit(0);
}

const struct op_type op_types[] = {
	{ "ipi", 30, op_ipi }, { "self", 3, op_self }, { "nmi", 3, op_nmi }, { "init", 2, op_init },
	{ "eoi", 12, op_eoi }, { "tpr", 5, op_tpr }, { "cr8", 4, op_cr8 }, { "wait", 14, op_wait }, { "window", 4, op_window },
	{ "timer", 3, op_timer }, { "id", 4, op_id }, { "ldr", 4, op_ldr }, { "svr", 3, op_svr },
	{ "mode", 3, op_mode }, { "base", 3, op_base }, { "read", 10, op_read },
	{ "readcr8", 2, op_read_cr8 }, { "load", 2, op_load }, { "msi", 8, op_msi },
	{ "irqfd", 2, op_irqfd }, { "pin", 6, op_pin }, { "line", 10, op_line },
	{ "extint", 3, op_extint }, { "lvt0", 4, op_lvt0 }, { "picline", 8, op_pic_line },
	{ "pictoggle", 2, op_pic_toggle }, { "windows", 2, op_windows }, { "blockirq", 4, op_blockirq }, { "autoeoi", 3, op_autoeoi },
	{ "setlapic", 3, op_setlapic }, { "state", 2, op_state }, { "migrate", 2, op_migrate }, { "kick", 3, op_kick },
	{ "create", 1, op_create }, { "slot", 2, op_slot }, { "burst", 2, op_burst },
	{ "kill", 1, op_kill }, { "pit", 4, op_pit }, { "pitpic", 1, op_pit_pic },
	{ "pitmask", 2, op_pit_mask }, { "reinject", 1, op_reinject },
	{ "resample", 4, op_resample }, { "across", 3, op_across }, { "pveoi", 2, op_pv_eoi }, { "smi", 2, op_smi }, { "l2", 4, op_l2 }, { "l2posted", 3, op_l2_posted },
	{ "page", 2, op_page }, { "mtrr", 2, op_mtrr }, { "dma", 1, op_dma }, { "pressure", 1, op_pressure },
};
const int nr_op_types = ARRAY_SIZE(op_types);

/* The vCPUs that a program begins with; some may come later. */
void ops_begin(int vcpus, bool is_split)
{
	int i;

	max_vcpus = vcpus;
	model_reset();
	machine_create(is_split);
	for (i = 0; i < 2 || i < vcpus - 1; i++)
		add_vcpu();
	if (!is_split)
		pic_program(0);
	check_all();
}

static void undo(int i)
{
	make_ready(i, WAIT_SPIN);
	model.apics[i].base = BASE_DEFAULT;
	write_base(i, base_of(i, model.apics[i].mode), false);
	if (model.apics[i].auto_eoi)
		set_auto_eoi(i, false);
}

void ops_end(void)
{
	int i;

	pic_lower();
	for (i = 0; i < nr_vcpus; i++)
		undo(i);
	check_all();
	check_inhibits_are_gone();
}
