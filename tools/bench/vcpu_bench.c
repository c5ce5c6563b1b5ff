// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it takes to bring up N vCPUs, in instructions for each of them: KVM_CREATE_VCPU, the first run, in which the guest enables its
 * APIC, and the first IPI, to a vCPU that isn't running. And the pages that are allocated for a VM and for each of its vCPUs.
 * Prints "bench: NAME VALUE"; on one CPU a tick of the TSC is an instruction, see tools/bench/run.
 *
 * Built and run by tools/bench/run; a KVM selftest in all but the Makefile's list.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "apic.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define MAX_VCPUS	255
#define IPI_VECTOR	0xa4
#define TRACEFS		"/sys/kernel/tracing/"

static void guest_code(void)
{
	xapic_enable();
	GUEST_SYNC(0);
	xapic_write_reg(APIC_ICR2, 0);
	xapic_write_reg(APIC_ICR, IPI_VECTOR);
	GUEST_SYNC(1);
}

static uint64_t run(struct kvm_vcpu *vcpu)
{
	uint64_t tsc = rdtsc();
	struct ucall uc;

	vcpu_run(vcpu);
	tsc = rdtsc() - tsc;
	ASSERT_EQ(get_ucall(vcpu, &uc), UCALL_SYNC);
	return tsc;
}

static void bring_up(int nr)
{
	struct kvm_vcpu *vcpus[MAX_VCPUS];
	uint64_t tsc, create = 0, first = 0, ipi = 0;
	struct kvm_vm *vm;
	int i;

	vm = __vm_create(VM_MODE_DEFAULT, nr, 0);
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	for (i = 0; i < nr; i++) {
		tsc = rdtsc();
		vcpus[i] = vm_vcpu_add(vm, i, guest_code);
		create += rdtsc() - tsc;
	}
	for (i = 0; i < nr; i++)
		first += run(vcpus[i]);
	for (i = nr - 1; i >= 0; i--)
		ipi += run(vcpus[i]);
	kvm_vm_free(vm);

	printf("bench: bring-up-%d-create %lu\n", nr, create / nr);
	printf("bench: bring-up-%d-first-run %lu\n", nr, first / nr);
	printf("bench: bring-up-%d-first-ipi %lu\n", nr, ipi / nr);
	printf("bench: bring-up-%d-all %lu\n", nr, (create + first + ipi) / nr);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	TEST_ASSERT(fd >= 0, "Can't open %s", path);
	TEST_ASSERT(write(fd, text, strlen(text)) == strlen(text), "Can't write %s", path);
	close(fd);
}

static void trace_pages(bool on)
{
	if (on)
		write_file(TRACEFS "trace", "");
	write_file(TRACEFS "events/kmem/mm_page_alloc/enable", on ? "1" : "0");
}

static unsigned int nr_pages(void)
{
	FILE *f = fopen(TRACEFS "trace", "r");
	unsigned int pages = 0;
	char line[512], *s;

	TEST_ASSERT(f, "Can't open the trace");
	while (fgets(line, sizeof(line), f)) {
		s = strstr(line, " order=");
		if (s)
			pages += 1u << strtoul(s + strlen(" order="), NULL, 10);
	}
	fclose(f);
	return pages;
}

/* The first VM and vCPU fill caches and slabs. 64 vCPUs, so that those of the slabs even out. */
static void memory(int nr, bool print)
{
	struct kvm_vm *vm;
	int i;

	trace_pages(true);
	vm = vm_create_barebones();
	vm_create_irqchip(vm);
	trace_pages(false);
	if (print)
		printf("bench: memory-vm-pages %u\n", nr_pages());

	trace_pages(true);
	for (i = 0; i < nr; i++)
		TEST_ASSERT(__vm_ioctl(vm, KVM_CREATE_VCPU, (void *)(long)i) >= 0, "No vCPU %d", i);
	trace_pages(false);
	if (print)
		printf("bench: memory-%d-vcpus-pages %u\n", nr, nr_pages());
	kvm_vm_free(vm);
}

int main(void)
{
	static const int nr[] = { 16, 64, MAX_VCPUS };
	int i;

	setbuf(stdout, NULL);
	memory(64, false);
	memory(64, true);
	bring_up(4);
	for (i = 0; i < ARRAY_SIZE(nr); i++)
		bring_up(nr[i]);
	return 0;
}
