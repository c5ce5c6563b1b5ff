// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test interrupts through the PIC, and others that AVIC can't deliver: that each
 * of them arrives, that a vCPU that waits until it can take one inhibits AVIC for
 * the VM no longer than it has to, and that whoever changes its mind in between,
 * or destroys the VM, does no harm.
 *
 * The vCPUs take the interrupts in turn, one at a time, and with interrupts masked
 * when it is raised, so that KVM has to wait for a window.  The last vCPU does
 * nothing but send IPIs to itself.
 */
#define _GNU_SOURCE /* for program_invocation_name */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "apicv.h"
#include "hyperv.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define NR_EXTINTS	1000
#define NR_FLIPS	200
#define NR_VMS		8
#define MAX_VCPUS	16

/* Pin 3 of the PIC, whose vectors start here. */
#define PIN		3
#define PIC_VECTORS	0x40
#define EXTINT_VECTOR	(PIC_VECTORS + PIN)
#define SPURIOUS_VECTOR	(PIC_VECTORS + 7)
#define IPI_VECTOR	0x61
#define XEN_VECTOR	0x62

#define APIC_LVT0	0x350
#define LVT_MASKED	BIT(16)

#define SIPI_GPA	0x8000

/* How often to look for what has to happen. */
#define NR_POLLS	1000

/* KVM may deliver that many IPIs before it lets AVIC do so. */
#define NR_IPIS		32

/* Ticks of the TSC within which an interrupt has to arrive: a cap, not a delay. */
#define PATIENCE	1000000000ull

static volatile uint64_t nr_extints, nr_spurious, nr_ipis, nr_sent;
static volatile uint64_t ipis_wanted;
static volatile bool stop;

static bool has_avic(void)
{
	return is_amd_cpu() && kvm_has_apicv();
}

static void pic_write(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" :: "a"(value), "d"(port));
}

static void init_pic(void)
{
	pic_write(0x20, 0x11);
	pic_write(0x21, PIC_VECTORS);
	pic_write(0x21, 0x04);
	pic_write(0x21, 0x01);
	pic_write(0x21, (uint8_t)~(1u << PIN));
}

static void extint_handler(struct ex_regs *regs)
{
	nr_extints++;
	pic_write(0x20, 0x20);
}

static void spurious_handler(struct ex_regs *regs)
{
	nr_spurious++;
}

static void ipi_handler(struct ex_regs *regs)
{
	nr_ipis++;
	xapic_write_reg(APIC_EOI, 0);
}

static void await(volatile uint64_t *count, uint64_t expected)
{
	uint64_t start = rdtsc();

	while (*count != expected && rdtsc() - start < PATIENCE)
		cpu_relax();
	GUEST_ASSERT_2(*count == expected, *count, expected);
}

static void extint_guest(bool first)
{
	uint64_t expected;

	xapic_enable();
	if (first)
		init_pic();
	xapic_write_reg(APIC_LVT0, LVT_MASKED);
	GUEST_SYNC(0);

	for (;;) {
		expected = nr_extints + 1;
		xapic_write_reg(APIC_LVT0, APIC_DM_EXTINT);
		/* Raised here, and not taken before interrupts are unmasked. */
		GUEST_SYNC(0);
		/* KVM waits for a window from here on. */
		GUEST_SYNC(0);
		GUEST_ASSERT_2(nr_extints == expected - 1, nr_extints, expected - 1);
		asm volatile("sti");
		await(&nr_extints, expected);
		asm volatile("cli");
		xapic_write_reg(APIC_LVT0, LVT_MASKED);
		GUEST_SYNC(0);
	}
}

/* With interrupts masked, so that they need windows while AVIC is inhibited. */
static void ipi_guest(void)
{
	xapic_enable();
	xapic_write_reg(APIC_LVT0, LVT_MASKED);

	for (;;) {
		asm volatile("cli");
		if (stop || nr_sent == ipis_wanted)
			GUEST_SYNC(0);
		xapic_write_reg(APIC_ICR, APIC_DEST_SELF | APIC_DM_FIXED | IPI_VECTOR);
		nr_sent++;
		asm volatile("sti");
		await(&nr_ipis, nr_sent);
	}
}

static void run(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	vcpu_run(vcpu);
	if (get_ucall(vcpu, &uc) == UCALL_ABORT)
		REPORT_GUEST_ASSERT_2(uc, "%ld, expected %ld");
	ASSERT_EQ(uc.cmd, UCALL_SYNC);
}

static void *run_thread(void *vcpu)
{
	run(vcpu);
	return NULL;
}

static volatile uint64_t *guest_value(struct kvm_vm *vm, volatile uint64_t *p)
{
	return addr_gva2hva(vm, (vm_vaddr_t)p);
}

static struct kvm_vm *create(struct kvm_vcpu *vcpus[], int nr_vcpus)
{
	struct kvm_vm *vm = vm_create(nr_vcpus);
	int i;

	for (i = 0; i < nr_vcpus; i++) {
		vcpus[i] = vm_vcpu_add(vm, i, i < nr_vcpus - 1 ? (void *)extint_guest :
								 (void *)ipi_guest);
		vcpu_args_set(vcpus[i], 1, i == 0);
	}
	virt_pg_map(vm, APIC_DEFAULT_GPA, APIC_DEFAULT_GPA);
	vm_init_descriptor_tables(vm);
	for (i = 0; i < nr_vcpus; i++)
		vcpu_init_descriptor_tables(vcpus[i]);
	vm_install_exception_handler(vm, EXTINT_VECTOR, extint_handler);
	vm_install_exception_handler(vm, SPURIOUS_VECTOR, spurious_handler);
	vm_install_exception_handler(vm, IPI_VECTOR, ipi_handler);
	for (i = 0; i < nr_vcpus; i++)
		run(vcpus[i]);
	return vm;
}

/* Raise an interrupt for a vCPU and let it wait for a window. */
static void raise_extint(struct kvm_vm *vm, struct kvm_vcpu *vcpu)
{
	run(vcpu);
	kvm_irq_line(vm, PIN, 1);
	kvm_irq_line(vm, PIN, 0);
	run(vcpu);
}

static void send_ipis(struct kvm_vm *vm, struct kvm_vcpu *vcpu)
{
	*guest_value(vm, &ipis_wanted) += NR_IPIS;
	run(vcpu);
	ASSERT_EQ(*guest_value(vm, &nr_ipis), *guest_value(vm, &nr_sent));
}

/* IPIs are sent, i.e. AVIC would be of use: there must be nothing against it. */
static void expect_not_inhibited(struct kvm_vm *vm, struct kvm_vcpu *vcpu,
				 const char *when)
{
	send_ipis(vm, vcpu);
	TEST_ASSERT(!apicv_has_reason(vm, "IRQWIN"), "AVIC is inhibited %s", when);
}

/* A burst on one vCPU, or spread over all but the last. */
static void test_burst(int nr_vcpus, bool spread)
{
	int i, nr_takers = spread ? nr_vcpus - 1 : 1;
	struct kvm_vcpu *vcpus[MAX_VCPUS];
	struct kvm_vm *vm = create(vcpus, nr_vcpus);
	unsigned int changes;

	apicv_trace_start();
	for (i = 0; i < NR_EXTINTS; i++) {
		raise_extint(vm, vcpus[i % nr_takers]);
		run(vcpus[i % nr_takers]);
	}
	changes = apicv_trace_stop();

	pr_info("%d vCPUs, %d of them take ExtINTs: %d interrupts, %u changes of inhibits\n",
		nr_vcpus, nr_takers, NR_EXTINTS, changes);
	ASSERT_EQ(*guest_value(vm, &nr_extints), NR_EXTINTS);
	ASSERT_EQ(*guest_value(vm, &nr_spurious), 0);
	TEST_ASSERT(changes <= 2, "%u changes of inhibits for a burst", changes);

	expect_not_inhibited(vm, vcpus[nr_vcpus - 1], "after a burst");
	kvm_vm_free(vm);
}

/* The same while IPIs are sent. */
static void test_burst_and_ipis(int nr_vcpus)
{
	struct kvm_vcpu *vcpus[MAX_VCPUS];
	struct kvm_vm *vm = create(vcpus, nr_vcpus);
	pthread_t thread;
	int i;

	*guest_value(vm, &ipis_wanted) = -1ull;
	pthread_create(&thread, NULL, run_thread, vcpus[nr_vcpus - 1]);
	for (i = 0; i < NR_EXTINTS / 4; i++) {
		raise_extint(vm, vcpus[i % (nr_vcpus - 1)]);
		run(vcpus[i % (nr_vcpus - 1)]);
	}
	*(volatile bool *)addr_gva2hva(vm, (vm_vaddr_t)&stop) = true;
	pthread_join(thread, NULL);

	ASSERT_EQ(*guest_value(vm, &nr_extints), NR_EXTINTS / 4);
	ASSERT_EQ(*guest_value(vm, &nr_ipis), *guest_value(vm, &nr_sent));
	kvm_vm_free(vm);
}

/* A vCPU that waits for its window, and that its VMM doesn't run anymore. */
static void test_stopped(void)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create(vcpus, 2);

	raise_extint(vm, vcpus[0]);
	expect_not_inhibited(vm, vcpus[1], "for a vCPU that is stopped");
	/* It gets its interrupt nevertheless. */
	run(vcpus[0]);
	ASSERT_EQ(*guest_value(vm, &nr_extints), 1);
	kvm_vm_free(vm);
}

static void halt_guest(void)
{
	xapic_enable();
	init_pic();
	xapic_write_reg(APIC_LVT0, APIC_DM_EXTINT);
	GUEST_SYNC(0);
	for (;;)
		asm volatile("cli; hlt");
}

static void set_rip(struct kvm_vcpu *vcpu, void *code)
{
	struct kvm_regs regs;

	vcpu_regs_get(vcpu, &regs);
	regs.rip = (uint64_t)code;
	vcpu_regs_set(vcpu, &regs);
}

static void nop_handler(int signal)
{
}

/* Returns when a signal comes: neither an NMI nor an interrupt wakes the vCPU. */
static void *run_halted(void *vcpu)
{
	__vcpu_run(vcpu);
	return NULL;
}

/* Accesses that AVIC would accelerate, without any interrupt. */
static void tpr_guest(void)
{
	int i;

	for (i = 0; i < NR_IPIS; i++)
		xapic_write_reg(APIC_TASKPRI, i & 0xf0);
	GUEST_SYNC(0);
}

static void test_tpr(void)
{
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create(vcpus, 2);

	raise_extint(vm, vcpus[0]);
	set_rip(vcpus[1], tpr_guest);
	run(vcpus[1]);
	TEST_ASSERT(!apicv_has_reason(vm, "IRQWIN"),
		    "AVIC is inhibited although the TPR is written all the time");
	kvm_vm_free(vm);
}

/* A vCPU that waits for its window, and blocks with interrupts disabled. */
static void test_halted(void)
{
	struct kvm_mp_state state = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct kvm_vcpu *vcpus[2], *halted;
	struct kvm_vm *vm = create(vcpus, 2);
	pthread_t thread;
	int i;

	halted = vcpus[0];
	set_rip(halted, halt_guest);
	run(halted);
	kvm_irq_line(vm, PIN, 1);
	kvm_irq_line(vm, PIN, 0);

	pthread_create(&thread, NULL, run_halted, halted);
	/* It opens the window on its way to the guest, and blocks soon after. */
	for (i = 0; has_avic() && i < NR_POLLS; i++) {
		if (apicv_has_reason(vm, "IRQWIN"))
			break;
		usleep(1000);
	}
	TEST_ASSERT(i < NR_POLLS, "AVIC isn't inhibited for a window");
	for (i = 0; i < NR_POLLS && apicv_has_reason(vm, "IRQWIN"); i++)
		send_ipis(vm, vcpus[1]);
	TEST_ASSERT(i < NR_POLLS, "AVIC is inhibited for a vCPU that is halted");

	halted->run->immediate_exit = 1;
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
	vcpu_mp_state_set(halted, &state);
	kvm_vm_free(vm);
}

/* Where SIPI sends a vCPU to: cli, and pause for ever. */
static const uint8_t real_mode_code[] = { 0xfa, 0xf3, 0x90, 0xeb, 0xfc };

static void spin_guest(void)
{
	xapic_enable();
	init_pic();
	xapic_write_reg(APIC_LVT0, APIC_DM_EXTINT);
	GUEST_SYNC(0);
	asm volatile("cli");
	for (;;)
		cpu_relax();
}

static void init_sender(void)
{
	xapic_write_reg(APIC_ICR2, SET_APIC_DEST_FIELD(1));
	xapic_write_reg(APIC_ICR, APIC_DM_INIT | APIC_INT_ASSERT);
	xapic_write_reg(APIC_ICR, APIC_DM_STARTUP | SIPI_GPA >> 12);
	ipi_guest();
}

/* A vCPU that waits for its window, and gets INIT and SIPI before it could block. */
static void test_init(void)
{
	struct kvm_vcpu *vcpus[3];
	struct kvm_vm *vm = create(vcpus, 3);
	pthread_t thread;
	int i;

	memcpy(addr_gpa2hva(vm, SIPI_GPA), real_mode_code, sizeof(real_mode_code));
	set_rip(vcpus[1], spin_guest);
	run(vcpus[1]);
	set_rip(vcpus[2], init_sender);
	pthread_create(&thread, NULL, run_halted, vcpus[1]);
	kvm_irq_line(vm, PIN, 1);
	kvm_irq_line(vm, PIN, 0);
	for (i = 0; has_avic() && i < NR_POLLS; i++) {
		if (apicv_has_reason(vm, "IRQWIN"))
			break;
		usleep(1000);
	}
	TEST_ASSERT(i < NR_POLLS, "AVIC isn't inhibited for a window");
	for (i = 0; i < NR_POLLS && (!i || apicv_has_reason(vm, "IRQWIN")); i++)
		send_ipis(vm, vcpus[2]);
	TEST_ASSERT(i < NR_POLLS, "AVIC is inhibited for a vCPU that got INIT");

	vcpus[1]->run->immediate_exit = 1;
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
	kvm_vm_free(vm);
}

/*
 * Destroy a VM while a vCPU waits for its window, while there are other reasons
 * that destruction clears, and while others are about to be cleared.
 */
static void test_destroy(int what)
{
	struct kvm_pit_config pit = {};
	struct kvm_vcpu *vcpus[2];
	struct kvm_vm *vm = create(vcpus, 2);

	if (what & 1)
		vm_ioctl(vm, KVM_CREATE_PIT2, &pit);
	if (what & 2)
		apicv_inhibit(vcpus[1], true);
	if (what & 4) {
		vcpu_set_apic_base(vcpus[1], 0xfef00000ull | MSR_IA32_APICBASE_ENABLE);
		vcpu_set_apic_base(vcpus[1], APIC_DEFAULT_GPA | MSR_IA32_APICBASE_ENABLE);
	}
	raise_extint(vm, vcpus[0]);
	kvm_vm_free(vm);
}

static void wait_guest(void)
{
	for (;;)
		asm volatile("cli; outb %%al, $0x80" ::: "memory");
}

static void *flip_request(void *arg)
{
	volatile struct kvm_run *run = arg;
	unsigned int x = 1;

	while (!stop) {
		x = x * 1103515245 + 12345;
		run->request_interrupt_window = x >> 16 & 1;
	}
	return NULL;
}

/* The VMM asks for a window and doesn't, while KVM looks. */
static void test_request_flips(void)
{
	struct kvm_vm *vm = ____vm_create(VM_MODE_DEFAULT, 2048);
	struct kvm_vcpu *vcpu;
	pthread_t thread;
	int i;

	kvm_vm_elf_load(vm, program_invocation_name);
	vm_enable_cap(vm, KVM_CAP_SPLIT_IRQCHIP, 24);
	vm->has_irqchip = true;
	vcpu = vm_vcpu_add(vm, 0, wait_guest);

	stop = false;
	pthread_create(&thread, NULL, flip_request, vcpu->run);
	for (i = 0; i < NR_FLIPS; i++)
		vcpu_run(vcpu);
	stop = true;
	pthread_join(thread, NULL);
	kvm_vm_free(vm);
}

static void flip_guest(volatile uint8_t *upcall_pending)
{
	unsigned int x = 1;

	while (!stop) {
		x = x * 1103515245 + 12345;
		*upcall_pending = x >> 16 & 1;
	}
	GUEST_SYNC(0);
}

/* The guest has an upcall of Xen pending and doesn't, while KVM looks. */
static void test_xen_flips(void)
{
	struct kvm_xen_hvm_config config = {
		.flags = KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL, .msr = 0x40000000,
	};
	struct kvm_xen_hvm_attr vector = {
		.type = KVM_XEN_ATTR_TYPE_UPCALL_VECTOR, .u.vector = XEN_VECTOR,
	};
	struct kvm_xen_vcpu_attr info = { .type = KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO };
	int i, flags = kvm_check_cap(KVM_CAP_XEN_HVM);
	struct kvm_vcpu *vcpu, *flipper;
	struct kvm_vm *vm;
	vm_vaddr_t page;
	pthread_t thread;

	if (!(flags & KVM_XEN_HVM_CONFIG_SHARED_INFO)) {
		pr_info("KVM doesn't emulate Xen's event channels\n");
		return;
	}

	vm = vm_create(2);
	vcpu = vm_vcpu_add(vm, 0, wait_guest);
	flipper = vm_vcpu_add(vm, 1, flip_guest);
	page = vm_vaddr_alloc_page(vm);
	vcpu_args_set(flipper, 1, page);
	info.u.gpa = addr_gva2gpa(vm, page);
	vm_ioctl(vm, KVM_XEN_HVM_CONFIG, &config);
	vm_ioctl(vm, KVM_XEN_HVM_SET_ATTR, &vector);
	vcpu_ioctl(vcpu, KVM_XEN_VCPU_SET_ATTR, &info);

	pthread_create(&thread, NULL, run_thread, flipper);
	for (i = 0; i < NR_FLIPS; i++)
		vcpu_run(vcpu);
	*(volatile bool *)addr_gva2hva(vm, (vm_vaddr_t)&stop) = true;
	pthread_join(thread, NULL);
	kvm_vm_free(vm);
}

int main(void)
{
	int i;

	pr_info("AVIC is %s\n", has_avic() ? "on" : "off: nothing to inhibit");
	signal(SIGUSR1, nop_handler);

	for (i = 0; i < NR_VMS; i++) {
		test_destroy(i);
		test_request_flips();
		stop = false;
		test_xen_flips();
	}
	/* Whatever is armed would go off by then. */
	usleep(200000);

	test_burst_and_ipis(4);
	test_burst(2, false);
	test_burst(4, true);
	test_burst(MAX_VCPUS, true);
	test_stopped();
	test_tpr();
	test_halted();
	test_init();
	return 0;
}
