// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test that the creation of a vCPU that fails leaves no trace in the tables
 * with which CPUs deliver IPIs on their own, i.e. that of VMX's IPI
 * virtualization and those of SVM's AVIC.
 *
 * vCPU 0 sends IPIs to vCPU 1 all the time, and checks that each arrives.
 *
 * With a kernel that doesn't get this right, CPUs write to freed memory.  Boot
 * with slub_debug=FZPU to see that reported.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "apic.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

/* IPIs that the sender waits for, and those that it only counts the exits of. */
#define IPI_VECTOR	0xa4
#define COUNT_VECTOR	0xb4
#define NR_ROUNDS	50

/* ID of a vCPU that is never created, and the first of those raced for. */
#define FAILED_ID	2
#define RACED_ID	3
#define NR_RACES	16
#define NR_IPIS		1000

/* Ticks of the TSC within which an IPI has to arrive: a cap, not a delay. */
#define PATIENCE	1000000000ull

#define TRACEFS		"/sys/kernel/tracing/"
#define AVIC_EVENT	TRACEFS "events/kvm/kvm_avic_incomplete_ipi/"

enum phase {
	/* Send an IPI to vCPU 1 and wait for it, and one to FAILED_ID. */
	PHASE_STORM,
	/* Send NR_IPIS to @dest without waiting, and exit. */
	PHASE_COUNT,
	PHASE_DONE,
};

/* Shared with the guest. */
static volatile enum phase phase;
static volatile uint64_t sent, received;
static volatile uint64_t dest;
static volatile bool ready;

static struct kvm_vcpu *vcpus[2];
static struct kvm_vm *vm;
static volatile enum phase *guest_phase;
static volatile uint64_t *guest_sent, *guest_dest;

static void ipi_handler(struct ex_regs *regs)
{
	received++;
	x2apic_write_reg(APIC_EOI, 0);
}

static void count_handler(struct ex_regs *regs)
{
	x2apic_write_reg(APIC_EOI, 0);
}

static void receiver_code(void)
{
	x2apic_enable();
	asm volatile("sti");
	ready = true;
	while (phase != PHASE_DONE)
		cpu_relax();
	GUEST_DONE();
}

static void send_ipi(uint64_t id, uint64_t vector)
{
	x2apic_write_reg(APIC_ICR, id << 32 | vector);
}

static void storm(void)
{
	uint64_t start;

	while (phase == PHASE_STORM) {
		sent++;
		send_ipi(1, IPI_VECTOR);
		send_ipi(FAILED_ID, IPI_VECTOR);

		start = rdtsc();
		while (received != sent && rdtsc() - start < PATIENCE)
			cpu_relax();
		GUEST_ASSERT_2(received == sent, received, sent);
	}
}

static void sender_code(void)
{
	int i;

	x2apic_enable();
	while (!ready)
		cpu_relax();

	while (phase != PHASE_DONE) {
		GUEST_SYNC(phase);
		if (phase == PHASE_STORM)
			storm();
		for (i = 0; phase == PHASE_COUNT && i < NR_IPIS; i++)
			send_ipi(dest, COUNT_VECTOR);
	}
	GUEST_DONE();
}

/* Run @vcpu until it has something to say, and return what. */
static uint64_t run_vcpu(struct kvm_vcpu *vcpu, struct ucall *uc)
{
	vcpu_run(vcpu);
	if (get_ucall(vcpu, uc) == UCALL_ABORT)
		REPORT_GUEST_ASSERT_2((*uc), "IPIs received %ld, sent %ld");
	return uc->cmd;
}

static void pin_to_cpu(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	TEST_ASSERT(!sched_setaffinity(0, sizeof(cpus), &cpus), "No CPU %d", cpu);
}

static void *vcpu_thread(void *arg)
{
	struct kvm_vcpu *vcpu = arg;
	struct ucall uc;

	pin_to_cpu(vcpu->id);
	return (void *)run_vcpu(vcpu, &uc);
}

/* Try to create a vCPU, return the file descriptor or -errno. */
static int create_vcpu(uint32_t id)
{
	int fd = __vm_ioctl(vm, KVM_CREATE_VCPU, (void *)(unsigned long)id);

	return fd < 0 ? -errno : fd;
}

static void wait_for_ipis(void)
{
	uint64_t n = *guest_sent;

	while (*guest_sent - n < 10)
		sched_yield();
}

static void test_duplicate(void)
{
	int i, r;

	for (i = 0; i < NR_ROUNDS; i++) {
		r = create_vcpu(1);
		TEST_ASSERT(r == -EEXIST, "Second vCPU with ID 1: %d", r);
		wait_for_ipis();
	}
}

/* Let the creation fail at its very end, where the file is made. */
static void test_no_file(void)
{
	struct rlimit old, new;
	int i, r, fd;

	TEST_ASSERT(!getrlimit(RLIMIT_NOFILE, &old), "getrlimit() failed");
	fd = dup(0);
	TEST_ASSERT(fd >= 0, "dup() failed");
	close(fd);
	new = old;
	new.rlim_cur = fd;
	TEST_ASSERT(!setrlimit(RLIMIT_NOFILE, &new), "setrlimit() failed");

	for (i = 0; i < NR_ROUNDS; i++) {
		r = create_vcpu(FAILED_ID);
		TEST_ASSERT(r == -EMFILE, "vCPU without a file: %d", r);
		wait_for_ipis();
	}

	TEST_ASSERT(!setrlimit(RLIMIT_NOFILE, &old), "setrlimit() failed");
}

static pthread_barrier_t barrier;

static void *create_thread(void *arg)
{
	pthread_barrier_wait(&barrier);
	return (void *)(long)create_vcpu((unsigned long)arg);
}

static void *create_elsewhere(void *arg)
{
	pin_to_cpu(1);
	return create_thread(arg);
}

/* Of two threads that create the same vCPU, one and only one does. */
static void test_concurrent(void)
{
	pthread_t thread;
	unsigned long id;
	void *ret;
	int i, a, b;

	pthread_barrier_init(&barrier, NULL, 2);
	for (i = 0; i < NR_RACES; i++) {
		id = RACED_ID + i;
		pthread_create(&thread, NULL, create_elsewhere, (void *)id);
		a = (long)create_thread((void *)id);
		pthread_join(thread, &ret);
		b = (long)ret;
		TEST_ASSERT((a >= 0 && b == -EEXIST) || (b >= 0 && a == -EEXIST),
			    "Two vCPUs with ID %lu: %d and %d", id, a, b);
		close(a >= 0 ? a : b);
	}
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	TEST_ASSERT(fd >= 0, "Can't open %s", path);
	TEST_ASSERT(write(fd, text, strlen(text)) == strlen(text), "Can't write %s", path);
	close(fd);
}

/* The number of events in the trace buffer. */
static int nr_events(void)
{
	FILE *f = fopen(TRACEFS "trace", "r");
	char line[256];
	int n = 0;

	TEST_ASSERT(f, "Can't open the trace");
	while (fgets(line, sizeof(line), f))
		n += line[0] != '#';
	fclose(f);
	return n;
}

/*
 * Let vCPU 0 send NR_IPIS to @id, and return the number of exits.  The guest has
 * exited because of its last phase, and does so again after the IPIs.
 */
static uint64_t count_exits(uint64_t id)
{
	uint64_t exits = vcpu_get_stat(vcpus[0], "exits");
	struct ucall uc;

	*guest_dest = id;
	*guest_phase = PHASE_COUNT;
	ASSERT_EQ(run_vcpu(vcpus[0], &uc), UCALL_SYNC);
	return vcpu_get_stat(vcpus[0], "exits") - exits;
}

/*
 * An IPI to a vCPU that doesn't exist has to exit, with every kind of interrupt
 * virtualization and without any.  AVIC exits as well if the target exists and
 * doesn't run, what differs is the reason (2: the entry isn't valid).
 */
static void test_failed_id_exits(void)
{
	bool avic = is_amd_cpu() && !access(AVIC_EVENT "filter", W_OK);
	uint64_t exits;

	if (avic) {
		write_file(AVIC_EVENT "filter", "id != 2");
		write_file(TRACEFS "trace", "");
		write_file(AVIC_EVENT "enable", "1");
	}

	exits = count_exits(FAILED_ID);

	if (avic) {
		write_file(AVIC_EVENT "enable", "0");
		TEST_ASSERT(!nr_events(), "IPIs to ID %u found an entry in AVIC's table",
			    FAILED_ID);
		write_file(AVIC_EVENT "filter", "0");
	}
	TEST_ASSERT(exits >= NR_IPIS, "%d IPIs to ID %u: %lu exits", NR_IPIS, FAILED_ID, exits);
}

/*
 * Run @test while vCPU 0 sends IPIs.  It must not make IPIs to vCPU 1 exit that
 * didn't before, give or take those that find vCPU 1 preempted.
 */
static void under_storm(void (*test)(void))
{
	uint64_t before = count_exits(1), after;
	pthread_t sender;
	void *ret;

	*guest_phase = PHASE_STORM;
	pthread_create(&sender, NULL, vcpu_thread, vcpus[0]);
	wait_for_ipis();
	test();
	*guest_phase = PHASE_COUNT;
	pthread_join(sender, &ret);
	ASSERT_EQ((uint64_t)ret, UCALL_SYNC);

	test_failed_id_exits();
	after = count_exits(1);
	TEST_ASSERT(after < before + NR_IPIS / 2,
		    "%d IPIs to ID 1: %lu exits, %lu before", NR_IPIS, after, before);
}

int main(void)
{
	pthread_t receiver;
	struct ucall uc;
	void *ret;
	int i;

	TEST_REQUIRE(sysconf(_SC_NPROCESSORS_ONLN) >= 2);

	vm = __vm_create(VM_MODE_DEFAULT, 2, 0);
	vcpus[0] = vm_vcpu_add(vm, 0, sender_code);
	vcpus[1] = vm_vcpu_add(vm, 1, receiver_code);
	vm_init_descriptor_tables(vm);
	vm_install_exception_handler(vm, IPI_VECTOR, ipi_handler);
	vm_install_exception_handler(vm, COUNT_VECTOR, count_handler);
	for (i = 0; i < 2; i++)
		vcpu_init_descriptor_tables(vcpus[i]);
	guest_phase = addr_gva2hva(vm, (vm_vaddr_t)&phase);
	guest_sent = addr_gva2hva(vm, (vm_vaddr_t)&sent);
	guest_dest = addr_gva2hva(vm, (vm_vaddr_t)&dest);

	pin_to_cpu(0);
	pthread_create(&receiver, NULL, vcpu_thread, vcpus[1]);
	ASSERT_EQ(run_vcpu(vcpus[0], &uc), UCALL_SYNC);
	under_storm(test_no_file);
	under_storm(test_concurrent);
	under_storm(test_duplicate);

	*guest_phase = PHASE_DONE;
	ASSERT_EQ(run_vcpu(vcpus[0], &uc), UCALL_DONE);
	pthread_join(receiver, &ret);
	ASSERT_EQ((uint64_t)ret, UCALL_DONE);

	kvm_vm_free(vm);
	return 0;
}
