// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "apic.h"
#include "ioapic.h"
#include "machine.h"
#include "svm_util.h"
#include "vmx.h"

struct kvm_vm *vm;
struct cpu cpus[MAX_VCPUS];
int nr_vcpus;
bool machine_may_fault, machine_is_split;
vm_vaddr_t machine_nested;

uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ull + t.tv_nsec / 1000;
}

void pause_us(unsigned int us)
{
	struct timespec t = { .tv_nsec = us * 1000 };

	nanosleep(&t, NULL);
}

volatile struct mailbox *mailbox(int i)
{
	static struct mailbox *mails;

	if (!mails)
		mails = addr_gva2hva(vm, (vm_vaddr_t)mail);
	return &mails[i];
}

/*
 * The thread of a vCPU.
 */
static void set_runnable(struct cpu *c)
{
	struct kvm_mp_state state;

	vcpu_mp_state_get(c->vcpu, &state);
	if (state.mp_state == KVM_MP_STATE_HALTED) {
		state.mp_state = KVM_MP_STATE_RUNNABLE;
		vcpu_mp_state_set(c->vcpu, &state);
	}
}

static void set_regs(struct cpu *c)
{
	struct kvm_regs regs = {
		.rflags = 2,
		.rip = (uint64_t)guest_code,
		.rsp = c->rsp,
		.rdi = c - cpus,
	};
	struct kvm_sregs sregs;

	vcpu_sregs_get(c->vcpu, &sregs);
	c->sregs.apic_base = sregs.apic_base;
	c->sregs.cr8 = sregs.cr8;
	c->sregs.fs.base = (uint64_t)&mail[c - cpus];
	vcpu_sregs_set(c->vcpu, &c->sregs);
	vcpu_regs_set(c->vcpu, &regs);
}

/* INIT and SIPI have reset it to real mode. */
static void restart(struct cpu *c)
{
	vcpu_run_complete_io(c->vcpu);
	set_regs(c);
	/* KVM has forgotten where it is. */
	mailbox(c - cpus)->pv_eoi = 0;
	c->nr_sipi++;
}

static void lower_line(struct cpu *c)
{
	uint32_t gsi = *(uint32_t *)((void *)c->vcpu->run + c->vcpu->run->io.data_offset);

	if (machine_is_split)
		ioapic_lower(gsi);
	else
		kvm_irq_line(vm, gsi, 0);
}

/* The lock is held. */
static void handle_io(struct cpu *c)
{
	switch (c->vcpu->run->io.port) {
	case PORT_WAIT:
		c->state = WAITS;
		break;
	case PORT_LOWER:
		lower_line(c);
		break;
	case PORT_SIPI:
		restart(c);
		break;
	case PORT_EXCEPTION:
		fail("vCPU %ld: exception %lu at %lx", c - cpus, mailbox(c - cpus)->a,
		     mailbox(c - cpus)->b);
	default:
		fail("vCPU %ld: I/O at port %x", c - cpus, c->vcpu->run->io.port);
	}
}

/* An access to an APIC page that isn't where the guest thinks. */
static void handle_mmio(struct cpu *c)
{
	struct kvm_run *run = c->vcpu->run;

	fail("vCPU %ld: MMIO %s at %llx", c - cpus, run->mmio.is_write ? "write" : "read",
	     run->mmio.phys_addr);
}

static void handle_exit(struct cpu *c)
{
	c->last_exit = c->vcpu->run->exit_reason;
	switch (c->last_exit) {
	case KVM_EXIT_IO:
		handle_io(c);
		break;
	case KVM_EXIT_MMIO:
		handle_mmio(c);
		break;
	case KVM_EXIT_HYPERV:
		break;
	case KVM_EXIT_IOAPIC_EOI:
		ioapic_eoi(c->vcpu->run->eoi.vector);
		break;
	default:
		fail("vCPU %ld: exit for reason %u", c - cpus, c->last_exit);
	}
}

static void run_once(struct cpu *c)
{
	int r, error;

	pthread_mutex_unlock(&c->lock);
	r = __vcpu_run(c->vcpu);
	error = errno;
	pthread_mutex_lock(&c->lock);

	if (!r)
		handle_exit(c);
	else if (error != EINTR && error != EAGAIN && !(error == EFAULT && machine_may_fault))
		fail("vCPU %ld: KVM_RUN: %s", c - cpus, strerror(error));
	c->vcpu->run->immediate_exit = 0;
	if (c->wake) {
		c->wake = false;
		set_runnable(c);
	}
}

static void *run_cpu(void *arg)
{
	struct cpu *c = arg;

	pthread_mutex_lock(&c->lock);
	while (!c->quit) {
		if (c->stop)
			c->state = STOPPED;
		if (c->go) {
			c->go = false;
			c->state = RUNS;
		}
		if (c->state != RUNS) {
			pthread_cond_broadcast(&c->cond);
			pthread_cond_wait(&c->cond, &c->lock);
			continue;
		}
		run_once(c);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* Make it leave KVM_RUN, or not enter it.  The lock is held. */
static void kick(struct cpu *c)
{
	c->vcpu->run->immediate_exit = 1;
	pthread_kill(c->thread, SIGUSR1);
}

void machine_stop(int i)
{
	struct cpu *c = &cpus[i];

	pthread_mutex_lock(&c->lock);
	/* One that has been told to go on does so before it stops. */
	if (c->state != WAITS || c->go) {
		c->stop = true;
		kick(c);
		while (c->state == RUNS || c->go)
			pthread_cond_wait(&c->cond, &c->lock);
		c->stop = false;
	}
	pthread_mutex_unlock(&c->lock);
}

bool machine_is_out(int i)
{
	bool is_out;

	pthread_mutex_lock(&cpus[i].lock);
	is_out = cpus[i].state == WAITS && !cpus[i].go;
	pthread_mutex_unlock(&cpus[i].lock);
	return is_out;
}

void machine_poke(int i)
{
	struct cpu *c = &cpus[i];

	pthread_mutex_lock(&c->lock);
	c->go = true;
	pthread_cond_broadcast(&c->cond);
	pthread_mutex_unlock(&c->lock);
}

void machine_start(int i)
{
	if (cpus[i].state == STOPPED)
		machine_poke(i);
}

/*
 * Commands.
 */
void machine_wake(int i)
{
	struct cpu *c = &cpus[i];

	pthread_mutex_lock(&c->lock);
	if (c->state == WAITS) {
		c->go = true;
		pthread_cond_broadcast(&c->cond);
	} else {
		c->wake = true;
		kick(c);
	}
	pthread_mutex_unlock(&c->lock);
}

bool is_done(int i)
{
	return mailbox(i)->done == mailbox(i)->seq;
}

void command_start(int i, enum command command, uint64_t a, uint64_t b)
{
	volatile struct mailbox *m = mailbox(i);

	m->command = command;
	m->a = a;
	m->b = b;
	__atomic_store_n(&m->seq, m->seq + 1, __ATOMIC_SEQ_CST);
}

const char *machine_describe(int i)
{
	struct kvm_lapic_state lapic;
	struct kvm_mp_state state;
	struct kvm_regs regs;
	static char text[200];
	int reg, n;

	machine_stop(i);
	vcpu_regs_get(cpus[i].vcpu, &regs);
	vcpu_mp_state_get(cpus[i].vcpu, &state);
	vcpu_ioctl(cpus[i].vcpu, KVM_GET_LAPIC, &lapic);
	n = snprintf(text, sizeof(text), "RIP %llx, RFLAGS %llx, MP state %d,", regs.rip,
		     regs.rflags, state.mp_state);
	for (reg = 0x100; reg < 0x280; reg += 0x10)
		if (*(uint32_t *)(lapic.regs + reg))
			n += snprintf(text + n, sizeof(text) - n, " %x: %x", reg,
				      *(uint32_t *)(lapic.regs + reg));
	return text;
}

/*
 * A vCPU that runs sees the command by itself.  One that halts, or is about to, may
 * have to be woken more than once.
 */
uint64_t command_finish(int i)
{
	uint64_t start = now_us(), last = start;
	volatile struct mailbox *m = mailbox(i);

	if (!is_done(i) && (m->wait == WAIT_OUT || m->wait == WAIT_HLT || cpus[i].state == WAITS))
		machine_wake(i);
	while (!is_done(i)) {
		pause_us(20);
		if (now_us() - start > PATIENCE_US)
			fail("vCPU %d doesn't execute command %lu: %s", i, m->command,
			     machine_describe(i));
		if (now_us() - last > 5000) {
			last = now_us();
			machine_wake(i);
		}
	}
	return m->result;
}

uint64_t command(int i, enum command command, uint64_t a, uint64_t b)
{
	command_start(i, command, a, b);
	return command_finish(i);
}

/*
 * The machine.
 */
static void on_signal(int signal)
{
}

static void place_sipi_code(void)
{
	/* mov dx, PORT_SIPI; out dx, al; hlt */
	static const uint8_t code[] = { 0xba, PORT_SIPI & 0xff, PORT_SIPI >> 8, 0xee, 0xf4 };

	memcpy(addr_gpa2hva(vm, SIPI_GPA), code, sizeof(code));
}

/*
 * System management mode has memory of its own.
 */
#define SMRAM_SLOT	(1 << 16 | 1)

static uint8_t *smram;

static void place_smi_code(void)
{
	/* inc byte [cs:SMI_COUNT]; rsm */
	static const uint8_t code[] = { 0x2e, 0xfe, 0x06, SMI_COUNT & 0xff, SMI_COUNT >> 8, 0x0f, 0xaa };

	if (!smram)
		smram = mmap(NULL, SMRAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(smram + SMI_ENTRY, code, sizeof(code));
	vm_set_user_memory_region(vm, SMRAM_SLOT, 0, SMRAM_GPA, SMRAM_SIZE, smram);
}

uint8_t machine_nr_smi(void)
{
	return *(volatile uint8_t *)(smram + SMI_COUNT);
}

struct posted *machine_posted(void)
{
	return addr_gva2hva(vm, (vm_vaddr_t)&posted);
}

static void allocate_posted(void)
{
	struct posted *p = machine_posted();
	vm_vaddr_t page = vm_vaddr_alloc_page(vm);

	p->nested = machine_nested;
	p->descriptor = (void *)page;
	p->descriptor_gpa = addr_gva2gpa(vm, page);
	page = vm_vaddr_alloc_page(vm);
	p->apic = (void *)page;
	p->apic_gpa = addr_gva2gpa(vm, page);
}

const char *machine_describe_posted(void)
{
	struct posted *p = machine_posted();
	uint64_t *descriptor = addr_gva2hva(vm, (vm_vaddr_t)p->descriptor);
	uint32_t *apic = addr_gva2hva(vm, (vm_vaddr_t)p->apic);
	static char text[100];

	snprintf(text, sizeof(text), "descriptor %lx, ON %lx, virtual IRR %x",
		 descriptor[POSTED_VECTOR / 64], descriptor[4],
		 apic[(APIC_IRR + POSTED_VECTOR / 32 * 0x10) / 4]);
	return text;
}

bool machine_posts_to_l2(void)
{
	return kvm_cpu_has(X86_FEATURE_VMX) &&
	       kvm_get_feature_msr(MSR_IA32_VMX_TRUE_PINBASED_CTLS) >> 32 & PIN_BASED_POSTED_INTR;
}

static void allocate_nested(void)
{
	if (kvm_cpu_has(X86_FEATURE_VMX)) {
		vcpu_alloc_vmx(vm, &machine_nested);
		allocate_posted();
	} else if (kvm_cpu_has(X86_FEATURE_SVM)) {
		vcpu_alloc_svm(vm, &machine_nested);
	}
}

static void split(void)
{
	vm_enable_cap(vm, KVM_CAP_SPLIT_IRQCHIP, 24);
	vm->has_irqchip = true;
}

#define NR_PAGES	2048

static void create_split(void)
{
	vm = ____vm_create(VM_MODE_DEFAULT, NR_PAGES);
	kvm_vm_elf_load(vm, program_invocation_name);
	split();
}

void machine_create(bool is_split)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &action, NULL);
	machine_is_split = is_split;
	if (is_split)
		create_split();
	else
		vm = __vm_create(VM_MODE_DEFAULT, MAX_VCPUS, 64);
	virt_pg_map(vm, BASE_DEFAULT, BASE_DEFAULT);
	virt_pg_map(vm, BASE_AWAY, BASE_AWAY);
	virt_pg_map(vm, IOAPIC_GPA, IOAPIC_GPA);
	guest_install(vm);
	place_sipi_code();
	place_smi_code();
	allocate_nested();
}

void machine_add_vcpu(void)
{
	int i = nr_vcpus++;
	struct cpu *c = &cpus[i];
	struct kvm_regs regs;

	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->cond, NULL);
	c->vcpu = vm_vcpu_add(vm, i, guest_code);
	vcpu_init_descriptor_tables(c->vcpu);
	vcpu_sregs_get(c->vcpu, &c->sregs);
	vcpu_regs_get(c->vcpu, &regs);
	c->rsp = regs.rsp - 8;
	set_regs(c);
	mailbox(i)->base = c->sregs.apic_base;
	mailbox(i)->index = i;
	mailbox(i)->wait = WAIT_OUT;
	c->state = WAITS;
	TEST_ASSERT(!pthread_create(&c->thread, NULL, run_cpu, c), "pthread_create()");
}

/*
 * Migration.
 */
struct saved {
	struct kvm_x86_state *state;
	struct kvm_lapic_state lapic;
};

#define NR_IRQCHIPS	3

static void save(struct saved *saved, struct kvm_irqchip *chips)
{
	int i;

	for (i = 0; i < nr_vcpus; i++) {
		machine_stop(i);
		saved[i].state = vcpu_save_state(cpus[i].vcpu);
		vcpu_ioctl(cpus[i].vcpu, KVM_GET_LAPIC, &saved[i].lapic);
	}
	for (i = 0; i < NR_IRQCHIPS && !machine_is_split; i++) {
		chips[i].chip_id = i;
		vm_ioctl(vm, KVM_GET_IRQCHIP, &chips[i]);
	}
}

static void restore(struct saved *saved, struct kvm_irqchip *chips, void (*created)(int i))
{
	int i;

	for (i = 0; i < NR_IRQCHIPS && !machine_is_split; i++)
		vm_ioctl(vm, KVM_SET_IRQCHIP, &chips[i]);
	for (i = 0; i < nr_vcpus; i++) {
		cpus[i].vcpu = vm_vcpu_recreate(vm, i);
		created(i);
		vcpu_load_state(cpus[i].vcpu, saved[i].state);
		vcpu_ioctl(cpus[i].vcpu, KVM_SET_LAPIC, &saved[i].lapic);
		kvm_x86_state_cleanup(saved[i].state);
	}
}

void machine_migrate(void (*created)(int i), void (*restored)(int i))
{
	static struct kvm_irqchip chips[NR_IRQCHIPS];
	static struct saved saved[MAX_VCPUS];
	int i;

	save(saved, chips);
	kvm_vm_release(vm);
	/* The library would create one of KVM's. */
	vm->has_irqchip = !machine_is_split;
	kvm_vm_restart(vm);
	if (machine_is_split)
		split();
	place_smi_code();
	restore(saved, chips, created);
	for (i = 0; i < nr_vcpus; i++) {
		restored(i);
		machine_start(i);
	}
}

static void end(struct cpu *c)
{
	pthread_mutex_lock(&c->lock);
	c->quit = true;
	if (c->state == RUNS)
		kick(c);
	pthread_cond_broadcast(&c->cond);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
}

void machine_destroy(void)
{
	int i;

	for (i = 0; i < nr_vcpus; i++)
		end(&cpus[i]);
	kvm_vm_free(vm);
}
