// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ticks of a reinjecting PIT and IPIs beside them cost, in instructions and exits, as "bench: NAME VALUE": on Bochs,
 * one tick of the TSC is one instruction of a CPU.
 *
 * With one CPU, pit-tick-HZ: by how much longer a loop takes per tick, and the exits in excess of those that it takes without.
 * With more, pit-ipi-HZ: a thousand IPIs and as many back, while the PIT ticks.
 */
#define _GNU_SOURCE /* for CPU_SET() */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "apicv.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define IOAPIC_GPA	0xfec00000ull
#define TICK_VECTOR	0x52
#define IPI_VECTOR	0x61
#define APIC_LVT0	0x350
#define LVT_MASKED	(1u << 16)
#define NR_IPIS		10000
#define PIT_HZ		1193181

enum { IDLE, LOOP, IPIS };

static struct shared {
	uint64_t command, hz, loops, elapsed, ticks;
	uint64_t got[2];
	bool stop;
} shared;

#define g (*(volatile struct shared *)&shared)

static void out8(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" :: "a"(value), "d"(port));
}

static void tick_handler(struct ex_regs *regs)
{
	g.ticks++;
	xapic_write_reg(APIC_EOI, 0);
}

static void send(int id)
{
	xapic_write_reg(APIC_ICR2, SET_APIC_DEST_FIELD(id));
	xapic_write_reg(APIC_ICR, APIC_DM_FIXED | IPI_VECTOR);
}

static void ipi_handler(struct ex_regs *regs)
{
	int me = xapic_read_reg(APIC_ID) >> 24;

	xapic_write_reg(APIC_EOI, 0);
	g.got[me]++;
	if (me == 1)
		send(0);
}

static void program(void)
{
	volatile uint32_t *io = (void *)IOAPIC_GPA;
	uint64_t count = g.hz ? PIT_HZ / g.hz : 0;

	io[0] = 0x11;
	io[4] = 0;
	io[0] = 0x10;
	io[4] = TICK_VECTOR;
	/* A mode that doesn't tick if there's no rate. */
	out8(0x43, count ? 0x34 : 0x3a);
	out8(0x40, count & 0xff);
	out8(0x40, count >> 8);
	g.ticks = 0;
}

static void loop(uint64_t n)
{
	asm volatile("sti; 1: dec %0; jnz 1b; cli" : "+r"(n));
}

static void ipis(void)
{
	uint64_t i, want;

	asm volatile("sti");
	for (i = 0; i < NR_IPIS; i++) {
		want = g.got[0] + 1;
		send(1);
		while (g.got[0] != want)
			cpu_relax();
	}
	asm volatile("cli");
}

static void guest_code(int me)
{
	uint64_t start;

	xapic_enable();
	xapic_write_reg(APIC_LVT0, LVT_MASKED);
	if (!me) {
		out8(0x21, 0xff);
		out8(0xa1, 0xff);
	}
	GUEST_SYNC(0);
	if (me) {
		asm volatile("sti");
		while (!g.stop)
			cpu_relax();
		asm volatile("cli");
		GUEST_SYNC(1);
	}
	for (;;) {
		program();
		start = rdtsc();
		if (g.command == LOOP)
			loop(g.loops);
		else
			ipis();
		g.elapsed = rdtsc() - start;
		GUEST_SYNC(0);
	}
}

static void run(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	vcpu_run(vcpu);
	ASSERT_EQ(get_ucall(vcpu, &uc), UCALL_SYNC);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *peer(void *vcpu)
{
	pin(1);
	run(vcpu);
	return NULL;
}

struct result {
	uint64_t time, exits, ticks;
};

static struct result measure(struct kvm_vm *vm, struct kvm_vcpu *vcpu, int command, int hz, uint64_t loops)
{
	volatile struct shared *s = addr_gva2hva(vm, (vm_vaddr_t)&shared);
	uint64_t before = vm_exits(vm);

	s->command = command;
	s->hz = hz;
	s->loops = loops;
	run(vcpu);
	return (struct result) { s->elapsed, vm_exits(vm) - before, s->ticks };
}

static void print(const char *name, int hz, const char *what, uint64_t value)
{
	printf("bench: pit-%s-%d%s %lu\n", name, hz, what, value);
	fflush(stdout);
}

static void bench_ipis(struct kvm_vm *vm, struct kvm_vcpu **vcpus)
{
	volatile struct shared *s = addr_gva2hva(vm, (vm_vaddr_t)&shared);
	struct result r;
	pthread_t thread;
	int hz;

	pin(0);
	pthread_create(&thread, NULL, peer, vcpus[1]);
	/* Until both run. */
	measure(vm, vcpus[0], IPIS, 0, 0);
	for (hz = 0; hz <= 1000; hz = hz ? hz * 10 : 100) {
		r = measure(vm, vcpus[0], IPIS, hz, 0);
		print("ipi", hz, "", r.time * 1000 / NR_IPIS);
		print("ipi", hz, "-exits", r.exits * 1000 / NR_IPIS);
		print("ipi", hz, "-ticks", r.ticks);
	}
	s->stop = true;
	pthread_join(thread, NULL);
}

/* Two instructions each, i.e. a second or ten, of 100 million. */
static void bench_ticks(struct kvm_vm *vm, struct kvm_vcpu *vcpu)
{
	struct result r, none;
	uint64_t loops;
	int hz;

	for (hz = 1000; hz >= 100; hz /= 10) {
		loops = 50000000ull * (1000 / hz);
		none = measure(vm, vcpu, LOOP, 0, loops);
		r = measure(vm, vcpu, LOOP, hz, loops);
		print("tick", hz, "", (r.time - none.time) / r.ticks);
		print("tick", hz, "-count", r.ticks);
		print("tick", hz, "-exits", r.exits - none.exits);
		print("tick", hz, "-loop", none.time);
	}
}

int main(void)
{
	struct kvm_pit_config pit = {};
	struct kvm_vm *vm = vm_create(2);
	struct kvm_vcpu *vcpus[2];
	int i;

	vm_ioctl(vm, KVM_CREATE_PIT2, &pit);
	for (i = 0; i < 2; i++) {
		vcpus[i] = vm_vcpu_add(vm, i, guest_code);
		vcpu_args_set(vcpus[i], 1, i);
	}
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	virt_pg_map(vm, IOAPIC_GPA, IOAPIC_GPA);
	vm_init_descriptor_tables(vm);
	for (i = 0; i < 2; i++)
		vcpu_init_descriptor_tables(vcpus[i]);
	vm_install_exception_handler(vm, TICK_VECTOR, tick_handler);
	vm_install_exception_handler(vm, IPI_VECTOR, ipi_handler);
	for (i = 0; i < 2; i++)
		run(vcpus[i]);
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		bench_ipis(vm, vcpus);
	else
		bench_ticks(vm, vcpus[0]);
	kvm_vm_free(vm);
	return 0;
}
