// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "apic.h"
#include "model.h"

#define APIC_LDR	0xd0
#define APIC_DFR	0xe0
#define APIC_ISR	0x100
#define APIC_TMR	0x180

struct model model;

void model_reset(void)
{
	memset(&model, 0, sizeof(model));
	model.pic.told = -1;
}

void model_init(int i)
{
	struct apic *a = &model.apics[i];
	struct pin *p;

	memset(a->irr, 0, sizeof(a->irr));
	memset(a->isr, 0, sizeof(a->isr));
	memset(a->tmr, 0, sizeof(a->tmr));
	a->dfr = 0xffffffff;
	a->ldr = 0;
	a->svr = 0xff;
	a->tpr = 0;
	a->icr = 0;
	a->icr_known = true;
	a->extint = false;

	/* An interrupt that was to be acknowledged may be gone. */
	for (p = model.pins; p < model.pins + NR_PINS; p++)
		p->known = p->line = p->remote_irr = false;
}

void model_add(int i, uint32_t vcpu_id)
{
	struct apic *a = &model.apics[i];

	memset(a, 0, sizeof(*a));
	model_init(i);
	a->present = true;
	a->vcpu_id = vcpu_id;
	a->id = vcpu_id;
	a->mode = XAPIC;
	a->base = BASE_DEFAULT;
	a->wait = WAIT_OUT;
	/* KVM: that of the first vCPU isn't masked. */
	a->extint = i == 0;
}

uint32_t model_id(const struct apic *a)
{
	return a->mode == X2APIC ? a->vcpu_id : a->id;
}

uint32_t model_x2apic_ldr(const struct apic *a)
{
	return a->vcpu_id / 16 << 16 | 1u << a->vcpu_id % 16;
}

static bool has_id(const struct apic *a, uint32_t dest)
{
	if (dest == (a->mode == X2APIC ? 0xffffffff : 0xff))
		return true;
	/* KVM: an ID that doesn't fit into 8 bits is that of the vCPU in each mode. */
	return dest == (dest > 0xff ? a->vcpu_id : model_id(a));
}

static bool has_logical_id(const struct apic *a, uint32_t dest)
{
	uint8_t id = a->ldr >> 24;

	if (a->mode == X2APIC)
		return dest == 0xffffffff ||
		       (dest >> 16 == model_x2apic_ldr(a) >> 16 &&
			(dest & model_x2apic_ldr(a) & 0xffff));
	if (dest == 0xff)
		return true;
	if (dest > 0xff)
		return false;
	if (a->dfr >> 28 == 0xf)
		return id & dest;
	return id >> 4 == dest >> 4 && (id & dest & 0xf);
}

static bool is_target(int src, int i, uint64_t icr)
{
	const struct apic *a = &model.apics[i];

	if (!a->present || a->mode == OFF)
		return false;
	switch (icr & APIC_DEST_ALLBUT) {
	case APIC_DEST_SELF:
		return src == i;
	case APIC_DEST_ALLINC:
		return true;
	case APIC_DEST_ALLBUT:
		return src != i;
	default:
		return (icr & APIC_DEST_LOGICAL) ? has_logical_id(a, icr >> 32) :
						   has_id(a, icr >> 32);
	}
}

unsigned int model_targets(int src, uint64_t icr)
{
	unsigned int targets = 0;
	int i;

	for (i = 0; i < MAX_VCPUS; i++)
		targets |= (unsigned int)is_target(src, i, icr) << i;
	return targets;
}

bool model_accept(int i, uint8_t vector, bool level)
{
	struct apic *a = &model.apics[i];

	if (a->mode == OFF || !(a->svr & APIC_SPIV_APIC_ENABLED))
		return false;
	a->irr[vector] = 1;
	a->tmr[vector] = level;
	return true;
}

/* One waits while another is handled, as far as anyone can see. */
void model_nmi(int i)
{
	struct apic *a = &model.apics[i];

	if (a->nmi_pending < 2)
		a->nmi_pending++;
}

void model_run(int i)
{
	struct apic *a = &model.apics[i];

	if (a->blocked)
		return;
	a->nr_nmi += a->nmi_pending;
	a->nmi_pending = 0;
}

int model_highest(const uint8_t *bits)
{
	int vector;

	for (vector = 255; vector >= 0; vector--)
		if (bits[vector])
			return vector;
	return -1;
}

uint8_t model_ppr(const struct apic *a)
{
	int isr = model_highest(a->isr);

	if (isr < 0 || a->tpr >> 4 >= isr >> 4)
		return a->tpr;
	return isr & 0xf0;
}

bool model_is_idle(const struct apic *a)
{
	return model_highest(a->irr) < 0 && model_highest(a->isr) < 0;
}

unsigned int model_pin_targets(const struct pin *p)
{
	/* KVM: an I/O APIC's broadcast reaches x2APICs. */
	uint64_t icr = (uint64_t)p->dest << 32 | (p->logical ? APIC_DEST_LOGICAL : 0);
	unsigned int targets = model_targets(-1, icr);

	if (p->dest == 0xff)
		targets |= model_targets(-1, 0xffffffffull << 32);
	return targets;
}

static void service(struct pin *p)
{
	unsigned int targets = model_pin_targets(p);
	int i;

	if (p->masked || (p->level && p->remote_irr))
		return;
	for (i = 0; i < MAX_VCPUS; i++)
		if (targets & 1u << i && model_accept(i, p->vector, p->level))
			p->remote_irr = p->level;
}

void model_raise(int pin)
{
	struct pin *p = &model.pins[pin];

	if (p->level)
		p->line = true;
	service(p);
}

bool model_rtc_is_pending(void)
{
	uint8_t vector = model.pins[RTC_PIN].vector;
	struct apic *a;

	for (a = model.apics; a < model.apics + MAX_VCPUS; a++)
		if (a->irr[vector] || a->isr[vector])
			return true;
	return false;
}

static void eoi_pins(uint8_t vector)
{
	struct pin *p;

	for (p = model.pins; p < model.pins + NR_PINS; p++) {
		if (!p->known || !p->level || p->vector != vector || !p->remote_irr)
			continue;
		p->remote_irr = false;
		p->nr_acks++;
		if (p == &model.pins[RESAMPLE_PIN])
			p->line = false;
		if (p->line)
			service(p);
	}
}

/* The EOI of a tick: the next one that is owed comes, and is lost if nobody accepts it. */
static void ack_tick(int i, uint8_t vector)
{
	struct pit *p = &model.pit;

	if (!p->owed || i != p->target || vector != p->vector)
		return;
	p->owed--;
	p->has_ticked = model_accept(i, vector, false);
	if (!p->has_ticked)
		p->owed = 0;
}

void model_eoi(int i)
{
	struct apic *a = &model.apics[i];
	int vector = model_highest(a->isr);

	if (vector < 0)
		return;
	a->isr[vector] = 0;
	if (a->tmr[vector])
		eoi_pins(vector);
	ack_tick(i, vector);
}

static void lower_line(uint8_t vector)
{
	struct pin *p;

	for (p = model.pins; p < model.pins + NR_PINS; p++)
		if (p->known && p->level && p->vector == vector && p != &model.pins[RESAMPLE_PIN])
			p->line = false;
}

static void take(int i, int vector)
{
	struct apic *a = &model.apics[i];

	a->irr[vector] = 0;
	a->isr[vector] = 1;
	if (a->nr_log < MAX_LOG)
		a->log[a->nr_log] = vector;
	a->nr_log++;
	lower_line(vector);
	if (!a->keep)
		model_eoi(i);
}

static bool can_take(const struct apic *a, bool window)
{
	return a->present && a->mode != OFF && !a->blocked &&
	       (window || a->wait == WAIT_HLT || a->wait == WAIT_SPIN);
}

/* One whose APIC is off takes all ExtINTs. */
unsigned int model_acceptors(void)
{
	unsigned int acceptors = 0;
	int i;

	for (i = 0; i < MAX_VCPUS; i++)
		if (model.apics[i].present && (model.apics[i].mode == OFF || model.apics[i].extint))
			acceptors |= 1u << i;
	return acceptors;
}

bool model_takes_ext(const struct apic *a, bool window)
{
	return a->present && !a->blocked && (window || a->wait == WAIT_HLT || a->wait == WAIT_SPIN);
}

void model_pic(bool line, bool masked)
{
	struct pic *p = &model.pic;
	bool was_active = p->line && !p->masked, is_active = line && !masked;

	p->line = line;
	p->masked = masked;
	if (is_active == was_active)
		return;
	p->due = false;
	p->told = is_active ? __builtin_ffs(model_acceptors()) - 1 : -1;
	p->may_be_spurious = !is_active || __builtin_popcount(model_acceptors()) > 1;
}

static void settle_pic(int window)
{
	struct pic *p = &model.pic;
	unsigned int acceptors = model_acceptors();
	int i;

	if (!p->line || p->masked)
		return;
	if (p->told >= 0 && !(acceptors & 1u << p->told))
		p->told = -1;
	p->may_be_spurious |= __builtin_popcount(acceptors) > 1;
	for (i = 0; i < MAX_VCPUS; i++) {
		if (!(acceptors & 1u << i) || !model_takes_ext(&model.apics[i], i == window))
			continue;
		p->may_take |= 1u << i;
		p->due |= i == p->told;
	}
}

static bool settle_one(int i, bool window)
{
	struct apic *a = &model.apics[i];
	bool changed = false;
	int vector;

	if (a->present && a->wait != WAIT_OUT)
		model_run(i);
	if (i == 0 && model.ext_pending && can_take(a, window)) {
		a->nr_ext += model.ext_pending;
		model.ext_pending = 0;
	}
	while (can_take(a, window)) {
		vector = model_highest(a->irr);
		if (vector < 0 || vector >> 4 <= model_ppr(a) >> 4)
			break;
		take(i, vector);
		changed = true;
	}
	return changed;
}

void model_settle(int window)
{
	bool changed;
	int i;

	settle_pic(window);
	do {
		changed = false;
		for (i = 0; i < MAX_VCPUS; i++)
			changed |= settle_one(i, i == window);
	} while (changed);
}

static uint32_t bits_of(const uint8_t *bits, unsigned int first)
{
	uint32_t value = 0;
	int i;

	for (i = 0; i < 32; i++)
		value |= (uint32_t)bits[first + i] << i;
	return value;
}

bool model_reg(const struct apic *a, unsigned int reg, uint64_t *value)
{
	bool x2apic = a->mode == X2APIC;

	if (reg >= APIC_ISR && reg < APIC_IRR + 0x80) {
		const uint8_t *bits = reg < APIC_TMR ? a->isr : reg < APIC_IRR ? a->tmr : a->irr;

		*value = bits_of(bits, (reg & 0x7f) / 0x10 * 32);
		return reg % 0x10 == 0;
	}
	switch (reg) {
	case APIC_ID:
		*value = x2apic ? a->vcpu_id : (uint32_t)a->id << 24;
		return true;
	case APIC_TASKPRI:
		*value = a->tpr;
		return true;
	case APIC_PROCPRI:
		*value = model_ppr(a);
		return true;
	case APIC_LDR:
		*value = x2apic ? model_x2apic_ldr(a) : a->ldr;
		return true;
	case APIC_DFR:
		*value = a->dfr;
		return !x2apic;
	case APIC_SPIV:
		*value = a->svr;
		return true;
	case APIC_ICR:
		*value = x2apic ? a->icr : (uint32_t)a->icr;
		return a->icr_known;
	default:
		return false;
	}
}
