// SPDX-License-Identifier: LGPL-2.1-or-later
// Unit test of the emulator's VMX IPI virtualization rules; prints TAP.
// Compiled against cpu/vmx_ipiv.h of the patched source. The oracle takes the register apart field by
// field and never uses the header's masks.

#include <cstdint>
#include <cstdio>

typedef uint8_t Bit8u;
typedef uint16_t Bit16u;
typedef uint32_t Bit32u;
typedef uint64_t Bit64u;
#define BX_CPP_INLINE static inline
#include "vmx_ipiv.h"

static int number, failed;

static void report(bool ok, const char *name)
{
	printf("%sok %d - %s\n", ok ? "" : "not ", ++number, name);
	failed += !ok;
}

static Bit32u field(Bit32u value, int high, int low)
{
	return (value >> low) & ((1u << (high - low + 1)) - 1);
}

static VMX_VICR_Action oracle(Bit32u icr, bool vid, bool ipiv)
{
	const Bit32u vector = field(icr, 7, 0), mode = field(icr, 10, 8), logical = field(icr, 11, 11);
	const Bit32u level_triggered = field(icr, 15, 15), shorthand = field(icr, 19, 18);
	const Bit32u must_be_zero = field(icr, 12, 12) | field(icr, 13, 13) | field(icr, 17, 16) | field(icr, 31, 20);

	if (must_be_zero || level_triggered || mode != 0 || vector < 16)
		return VMX_VICR_VMEXIT;
	if (shorthand == 1 && vid)
		return VMX_VICR_SELF_IPI;
	if (shorthand == 0 && !logical && ipiv)
		return VMX_VICR_IPI;
	return VMX_VICR_VMEXIT;
}

// Every value of bits 31:8 with every pair of controls, for vectors around the limits.
static bool all_icr_values(void)
{
	static const Bit8u vectors[] = { 0, 15, 16, 0x42, 255 };

	for (int controls = 0; controls < 4; controls++)
		for (unsigned n = 0; n < sizeof(vectors); n++)
			for (Bit32u high = 0; high < (1u << 24); high++) {
				const Bit32u icr = high << 8 | vectors[n];

				if (VMX_decode_VICR(icr, controls & 1, controls & 2) != oracle(icr, controls & 1, controls & 2)) {
					printf("# ICR %08x vid %d ipiv %d\n", icr, controls & 1, controls >> 1);
					return false;
				}
			}
	return true;
}

static bool all_vectors(void)
{
	for (Bit32u vector = 0; vector < 256; vector++) {
		const VMX_VICR_Action ipi = vector < 16 ? VMX_VICR_VMEXIT : VMX_VICR_IPI;
		const VMX_VICR_Action self = vector < 16 ? VMX_VICR_VMEXIT : VMX_VICR_SELF_IPI;

		if (VMX_decode_VICR(vector, true, true) != ipi || VMX_decode_VICR(0x40000 | vector, true, true) != self)
			return false;
	}
	return true;
}

static bool reserved_x2apic_bits(void)
{
	for (int bit = 0; bit < 32; bit++) {
		const bool reserved = bit >= 20 || bit == 17 || bit == 16 || bit == 13;

		if (((VMX_X2APIC_ICR_RESERVED >> bit) & 1) != reserved)
			return false;
	}
	return true;
}

int main(void)
{
	const Bit64u width40 = (Bit64u(1) << 40) - 1;

	printf("TAP version 13\n1..18\n");
	report(all_icr_values(), "decode every ICR value");
	report(all_vectors(), "leave vectors below 16 to the hypervisor, and no other");
	report(VMX_decode_VICR(0x4042, false, true) == VMX_VICR_IPI, "ignore the level bit");
	report(VMX_decode_VICR(0x42, true, false) == VMX_VICR_VMEXIT, "do nothing with the control off");
	report(reserved_x2apic_bits(), "reserved bits of the x2APIC ICR");

	report(VMX_VICR_dest(0xab000000, false) == 0xab, "xAPIC destination is the upper byte");
	report(VMX_VICR_dest(0x00012345, true) == 0x12345, "x2APIC destination has 32 bits");

	report(VMX_PID_pointer_valid(0x1000 | 1, width40), "accept a valid entry");
	report(!VMX_PID_pointer_valid(0x1000, width40), "refuse an entry without the valid bit");
	bool refused = true;
	for (int bit = 1; bit < 6; bit++)
		refused &= !VMX_PID_pointer_valid(0x1000 | 1 | (1 << bit), width40);
	report(refused, "refuse an entry with a reserved bit");
	report(VMX_PID_pointer_valid((width40 & ~Bit64u(0x3f)) | 1, width40) &&
	       !VMX_PID_pointer_valid((Bit64u(1) << 40) | 1, width40), "physical address width of an entry");
	report(VMX_PID_pointer_address(0x12345641) == 0x12345640, "address of the descriptor");
	report(VMX_PID_pointer_entry_address(0x1000, 0xffff) == 0x1000 + 0xffff * 8, "address of an entry");

	report(VMX_PID_pointer_table_valid(0x1008, 0xffff, width40) && !VMX_PID_pointer_table_valid(0x1004, 0, width40),
	       "alignment of the table");
	report(VMX_PID_pointer_table_valid(width40 - 15, 1, width40) && !VMX_PID_pointer_table_valid(width40 - 15, 2, width40) &&
	       !VMX_PID_pointer_table_valid(Bit64u(1) << 40, 0, width40), "physical address width of the table");
	report(!VMX_PID_pointer_table_valid(~Bit64u(7), 1, width40), "a table that ends where the address space begins");

	report(VMX_PID_notify(0x00f20000) && !VMX_PID_notify(1) && !VMX_PID_notify(2) && !VMX_PID_notify(3),
	       "notify only with ON and SN clear");
	report(VMX_PID_NV(0x12345678fff2fffcull) == 0xf2 && VMX_PID_NDST(0x12345678fff2fffcull) == 0x12345678,
	       "notification vector and destination");
	return failed != 0;
}
