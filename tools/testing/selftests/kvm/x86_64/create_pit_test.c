// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test that nothing is left of a PIT whose creation fails because there's no room
 * for the port of its speaker: a vCPU may have found the ports of the channels by
 * then, and have started channel 0, whose timer must not outlive the PIT.
 *
 * If it does, then the host uses memory after it has been freed, i.e. panics or
 * doesn't.
 */
#include <errno.h>
#include <pthread.h>

#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define PIT_CHANNEL_0	0x40
#define PIT_CONTROL	0x43
/* Channel 0, rate, the low byte alone, which stands for some 200 us. */
#define PIT_RATE	0x14
#define NR_TRIES	500

static volatile bool done;

static void out8(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" :: "a"(value), "d"(port));
}

static void guest_code(void)
{
	while (!done) {
		out8(PIT_CONTROL, PIT_RATE);
		out8(PIT_CHANNEL_0, 0xff);
	}
	GUEST_DONE();
}

static void *run(void *vcpu)
{
	struct ucall uc;

	/* As long as there's no PIT, its ports are user space's. */
	do {
		vcpu_run(vcpu);
	} while (get_ucall(vcpu, &uc) != UCALL_DONE);
	return NULL;
}

/* Leave room for one device. */
static void fill_bus(struct kvm_vm *vm)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = 0x1000, .size = 1, .pio = 1 };

	while (!__vm_ioctl(vm, KVM_REGISTER_COALESCED_MMIO, &zone))
		zone.addr++;
	zone.addr--;
	vm_ioctl(vm, KVM_UNREGISTER_COALESCED_MMIO, &zone);
}

int main(void)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	pthread_t thread;
	int i;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_PIT2));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_COALESCED_PIO));

	vm = vm_create_with_one_vcpu(&vcpu, guest_code);
	fill_bus(vm);
	pthread_create(&thread, NULL, run, vcpu);
	for (i = 0; i < NR_TRIES; i++)
		TEST_ASSERT(__vm_ioctl(vm, KVM_CREATE_PIT2, &pit),
			    "There's room for two devices");

	*(volatile bool *)addr_gva2hva(vm, (vm_vaddr_t)&done) = true;
	pthread_join(thread, NULL);
	kvm_vm_free(vm);
	return 0;
}
