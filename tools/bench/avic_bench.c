// SPDX-License-Identifier: GPL-2.0-only
/*
 * What interrupts through the PIC and IPIs cost with AVIC, in instructions, exits and changes of inhibits, as "bench: NAME
 * VALUE": on Bochs, one tick of the TSC is one instruction of a CPU. The exits are included.
 *
 * Built and run by tools/bench/run; a KVM selftest in all but the Makefile's list.
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "apicv.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define NR_EXTINTS	1000
#define NR_MOVES	100
#define MAX_VCPUS	16
#define PIN		3
#define PIC_VECTORS	0x40
#define APIC_LVT0	0x350
#define LVT_MASKED	(1u << 16)

#define PIT_HZ		1193182
#define LOOP		1000

static volatile uint64_t nr_extints, ticks, nr_loops, pit_period;
static volatile bool stop;

static void outb(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" :: "a"(value), "d"(port));
}

static void handler(struct ex_regs *regs)
{
	nr_extints++;
	outb(0x20, 0x20);
}

static void init_pic(uint8_t mask)
{
	outb(0x20, 0x11);
	outb(0x21, PIC_VECTORS);
	outb(0x21, 0x04);
	outb(0x21, 0x01);
	outb(0x21, mask);
}

static void guest_code(bool first)
{
	uint64_t start;

	xapic_enable();
	if (first)
		init_pic((uint8_t)~(1u << PIN));
	xapic_write_reg(APIC_LVT0, LVT_MASKED);
	GUEST_SYNC(0);

	for (;;) {
		uint64_t expected = nr_extints + 1;

		xapic_write_reg(APIC_LVT0, APIC_DM_EXTINT);
		GUEST_SYNC(0);
		start = rdtsc();
		asm volatile("sti");
		while (nr_extints != expected)
			cpu_relax();
		asm volatile("cli");
		ticks += rdtsc() - start;
		xapic_write_reg(APIC_LVT0, LVT_MASKED);
		GUEST_SYNC(0);
	}
}

static void run(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	vcpu_run(vcpu);
	ASSERT_EQ(get_ucall(vcpu, &uc), UCALL_SYNC);
}

static void extints(int nr_vcpus)
{
	struct kvm_vm *vm = vm_create(nr_vcpus);
	struct kvm_vcpu *vcpus[MAX_VCPUS];
	uint64_t start;
	int i;

	for (i = 0; i < nr_vcpus; i++) {
		vcpus[i] = vm_vcpu_add(vm, i, guest_code);
		vcpu_args_set(vcpus[i], 1, i == 0);
	}
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	vm_init_descriptor_tables(vm);
	for (i = 0; i < nr_vcpus; i++)
		vcpu_init_descriptor_tables(vcpus[i]);
	vm_install_exception_handler(vm, PIC_VECTORS + PIN, handler);
	for (i = 0; i < nr_vcpus; i++)
		run(vcpus[i]);

	apicv_trace_start();
	start = rdtsc();
	for (i = 0; i < NR_EXTINTS; i++) {
		run(vcpus[i % nr_vcpus]);
		kvm_irq_line(vm, PIN, 1);
		kvm_irq_line(vm, PIN, 0);
		run(vcpus[i % nr_vcpus]);
	}
	start = rdtsc() - start;
	printf("bench: extint-%d-vcpus-inhibit-changes %u\n", nr_vcpus, apicv_trace_stop());
	printf("bench: extint-%d-vcpus %lu\n", nr_vcpus, start / NR_EXTINTS);
	printf("bench: extint-%d-vcpus-guest %lu\n", nr_vcpus,
	       *(uint64_t *)addr_gva2hva(vm, (vm_vaddr_t)&ticks) / NR_EXTINTS);
	kvm_vm_free(vm);
}

/* What lives on the PIT through the PIC, and works with interrupts disabled, so that each tick needs a window. */
static void guest_ticks(void)
{
	uint64_t n;

	xapic_enable();
	init_pic(0xfe);
	xapic_write_reg(APIC_LVT0, APIC_DM_EXTINT);
	outb(0x43, 0x34);
	outb(0x40, pit_period & 0xff);
	outb(0x40, pit_period >> 8);
	GUEST_SYNC(0);

	asm volatile("sti");
	while (!stop) {
		n = LOOP;
		asm volatile("cli; 1: dec %0; jnz 1b; sti; nop" : "+r"(n));
		nr_loops++;
	}
	asm volatile("cli");
	GUEST_SYNC(0);
}

static void *stop_later(void *arg)
{
	usleep(2000000);
	*(bool *)arg = true;
	return NULL;
}

/* Lone ExtINTs at @hz: what isn't the guest's loop, for each of them.  With one CPU, that is all that the host does, too. */
static void lone_extints(unsigned int hz)
{
	struct kvm_pit_config config = {};
	struct kvm_reinject_control control = {};
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = vm_create(1);
	volatile uint64_t *loops, *extints;
	pthread_t thread;
	uint64_t start;

	pit_period = PIT_HZ / hz > 0xffff ? 0 : PIT_HZ / hz;
	sync_global_to_guest(vm, pit_period);
	vm_ioctl(vm, KVM_CREATE_PIT2, &config);
	vm_ioctl(vm, KVM_REINJECT_CONTROL, &control);
	vcpu = vm_vcpu_add(vm, 0, guest_ticks);
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	vm_init_descriptor_tables(vm);
	vcpu_init_descriptor_tables(vcpu);
	vm_install_exception_handler(vm, PIC_VECTORS, handler);
	run(vcpu);

	loops = addr_gva2hva(vm, (vm_vaddr_t)&nr_loops);
	extints = addr_gva2hva(vm, (vm_vaddr_t)&nr_extints);
	pthread_create(&thread, NULL, stop_later, addr_gva2hva(vm, (vm_vaddr_t)&stop));
	apicv_trace_start();
	start = rdtsc();
	run(vcpu);
	start = rdtsc() - start;
	printf("bench: lone-extint-%u-hz-inhibit-changes %u\n", hz, apicv_trace_stop());
	printf("bench: lone-extint-%u-hz %ld\n", hz, (long)(start - *loops * (2 * LOOP + 8)) / (long)*extints);
	pthread_join(thread, NULL);
	kvm_vm_free(vm);
}

/* Restore the IDs of all vCPUs one by one, swapped, so that several reasons come and go. */
static void set_id(struct kvm_vcpu *vcpu, uint32_t id)
{
	struct kvm_lapic_state lapic;

	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &lapic);
	*(uint32_t *)(lapic.regs + APIC_ID) = id << 24;
	vcpu_ioctl(vcpu, KVM_SET_LAPIC, &lapic);
}

static void recalculations(void)
{
	struct kvm_vm *vm = vm_create(2);
	struct kvm_vcpu *vcpus[2];
	uint64_t start;
	int i;

	for (i = 0; i < 2; i++)
		vcpus[i] = vm_vcpu_add(vm, i, guest_code);

	apicv_trace_start();
	start = rdtsc();
	for (i = 0; i < NR_MOVES; i++) {
		set_id(vcpus[1], 0);
		set_id(vcpus[1], 1);
	}
	start = rdtsc() - start;
	printf("bench: change-id-inhibit-changes %u\n", apicv_trace_stop());
	printf("bench: change-id-and-back %lu\n", start / NR_MOVES);
	kvm_vm_free(vm);
}

int main(void)
{
	/* What is counted over seconds is counted exactly on one CPU. */
	if (sysconf(_SC_NPROCESSORS_ONLN) == 1) {
		lone_extints(18);
		lone_extints(100);
		lone_extints(1000);
		return 0;
	}
	extints(1);
	extints(16);
	recalculations();
	return 0;
}
