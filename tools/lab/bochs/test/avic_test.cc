// SPDX-License-Identifier: LGPL-2.1-or-later
// Unit test of the emulator's AVIC and x2AVIC rules; prints TAP.
// Compiled against cpu/avic_decode.h of the patched source. The expectations are written out register by
// register, and IPIs are compared with an oracle that asks each virtual processor whether it is addressed.

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <set>
#include <vector>

#include "avic_decode.h"

static int number, failed;
static bool good;
static char why[200];

static void begin() { good = true; why[0] = 0; }

static void end(const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++number, name);
	if (!good)
		printf("# first: %s\n", why);
	failed += !good;
}

#define CHECK(cond, ...) do { \
	if (!(cond) && good) { good = false; snprintf(why, sizeof(why), __VA_ARGS__); } } while (0)

// ---- memory ----

struct bus_t : public avic_bus {
	std::map<uint64_t, uint32_t> mem;
	std::vector<uint32_t> bells;
	std::map<uint32_t, bool> irr_seen_at_bell;
	uint64_t bad_page = 0;
	unsigned writes = 0;

	uint32_t read32(uint64_t a) override { auto i = mem.find(a); return i == mem.end() ? 0 : i->second; }
	void write32(uint64_t a, uint32_t v) override { mem[a] = v; writes++; }
	bool valid_page(uint64_t p) override { return p != bad_page && p < (1ull << 40); }
	void doorbell(uint32_t id) override { bells.push_back(id); }
};

static const uint64_t PHYS = 0x10000, LOGICAL = 0x20000;
static uint64_t page_of(unsigned id) { return 0x1000000ull + id * 0x1000ull; }

struct vm_t {
	bus_t bus;
	avic_guest g;

	vm_t(bool x2, unsigned sender, unsigned max_index)
	{
		g.x2avic = x2;
		g.backing = page_of(sender);
		g.logical_table = LOGICAL;
		g.physical_table = PHYS;
		g.max_index = max_index;
		bus.mem[g.backing + 0xe0] = 0xffffffff;
	}
	void entry(unsigned id, bool valid, bool running, unsigned host)
	{
		uint64_t e = page_of(id) | host | (valid ? 1ull << 63 : 0) | (running ? 1ull << 62 : 0);
		bus.mem[PHYS + id * 8] = (uint32_t)e;
		bus.mem[PHYS + id * 8 + 4] = (uint32_t)(e >> 32);
	}
	void logical(unsigned index, unsigned id, bool valid) { bus.mem[LOGICAL + index * 4] = id | (valid ? 1u << 31 : 0); }
	bool irr(unsigned id, unsigned v) { return (bus.read32(page_of(id) + 0x200 + (v / 32) * 16) >> (v % 32)) & 1; }
	bool tmr(unsigned id, unsigned v) { return (bus.read32(page_of(id) + 0x180 + (v / 32) * 16) >> (v % 32)) & 1; }
	// what the CPU does with an ICR write
	void send(uint32_t icrl, uint32_t icrh, avic_ipi *ipi)
	{
		bus.bells.clear();
		bus.writes = 0;
		avic_decode_icr(&bus, &g, icrl, icrh, ipi);
		if (ipi->exit < 0 && !ipi->self)
			avic_deliver_ipi(&bus, ipi);
		if (ipi->exit < 0 && ipi->self)
			avic_set_irr(&bus, g.backing, ipi->vector);
	}
};

static avic_ipi ipi;

// ---- access table ----

// One character per register of a block of 16: what a read and what a write does.
// a allowed, t trap, f fault, p TPR, e EOI, i ICR
static const char *mmio_read[] = {
	"aaaaaaaaafaaaaaa", "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "aaaaaaaaafaaaaaa",
	"fffaaaaaffffffff", "ffffffffffffffff", "ffffffffffffffff", "ffffffffffffffff",
	"ffffffffffffffff", "ffffffffffffffff", "ffffffffffffffff", "ffffffffffffffff",
	"ffffffffffffffff", "ffffffffffffffff", "ffffffffffffffff", "ffffffffffffffff" };
static const char *mmio_write[] = {
	"aatfaaaapffettt" "t", "ffffffffffffffff", "fffffffftaaaaaaa", "iatttttttfaaaata",
	"fffaaaaaffffffff", "ffffffffffffffff", "ffffffffffffffff", "ffffffffffffffff",
	"ffffffffffffffff", "ffffffffffffffff", "ffffffffffffffff", "ffffffffffffffff",
	"ffffffffffffffff", "ffffffffffffffff", "ffffffffffffffff", "ffffffffffffffff" };
// g: #GP, s: self IPI. MSRs 854h to 8FFh do not exist.
static const char *msr_read[] = {
	"ggaaggggafaggaga", "aaaaaaaaaaaaaaaa", "aaaaaaaaaggggggg", "agaaaaaaafggggag", "fffgggggffffffff", "ffffgggggggggggg" };
static const char *msr_write[] = { // of the value 0
	"ggggggggpggeggg" "t", "gggggggggggggggg", "ggggggggtggggggg", "igtttttttgggggts", "fffgggggffffffff", "ffffgggggggggggg" };

static char letter(avic_action a)
{
	switch (a) {
	case AVIC_ALLOW: return 'a';
	case AVIC_TPR: return 'p';
	case AVIC_EOI: return 'e';
	case AVIC_ICR: return 'i';
	case AVIC_SELF_IPI: return 's';
	case AVIC_TRAP: return 't';
	case AVIC_FAULT: return 'f';
	case AVIC_GP: return 'g';
	}
	return '?';
}

static void test_mmio()
{
	begin();
	for (unsigned reg = 0; reg < 256; reg++) {
		char r = letter(avic_mmio_access(reg << 4, 4, false)), w = letter(avic_mmio_access(reg << 4, 4, true));
		CHECK(r == mmio_read[reg >> 4][reg & 15], "read of %03x is %c", reg << 4, r);
		CHECK(w == mmio_write[reg >> 4][reg & 15], "write of %03x is %c", reg << 4, w);
	}
	end("xAVIC: every register, read and write");

	begin();
	for (unsigned at = 0; at < 4096; at++) {
		for (unsigned len = 1; len <= 8; len *= 2) {
			unsigned byte = at & 15, reg = at >> 4;
			bool inside = byte + len <= 4, whole = byte == 0 && len == 4;
			char r = letter(avic_mmio_access(at, len, false)), w = letter(avic_mmio_access(at, len, true));
			CHECK(r == (inside ? mmio_read[reg >> 4][reg & 15] : 'f'), "read %u at %03x is %c", len, at, r);
			CHECK(w == (whole ? mmio_write[reg >> 4][reg & 15] : 'f'), "write %u at %03x is %c", len, at, w);
		}
	}
	end("xAVIC: every offset and width: only aligned 32-bit writes, only reads inside of a register");
}

static void test_msr()
{
	begin();
	for (unsigned n = 0; n < 256; n++) {
		char r = letter(avic_msr_access(0x800 + n, false, 0, 0)), w = letter(avic_msr_access(0x800 + n, true, 0, 0));
		char er = n < 0x60 ? msr_read[n >> 4][n & 15] : 'g', ew = n < 0x60 ? msr_write[n >> 4][n & 15] : 'g';
		CHECK(r == er, "RDMSR of %x is %c", 0x800 + n, r);
		CHECK(w == ew, "WRMSR of %x is %c", 0x800 + n, w);
	}
	end("x2AVIC: every MSR, read and write");

	static const struct { unsigned msr; uint64_t allowed; } bits[] = {
		{ 0x808, 0xff }, { 0x80b, 0 }, { 0x828, 0 }, { 0x830, 0xffffffff000cdfffull }, { 0x832, 0x310ff },
		{ 0x83f, 0xff }, { 0x80f, 0x13ff }, { 0x838, 0xffffffff }, { 0x83e, 0xb }, { 0x833, 0x117ff },
		{ 0x834, 0x117ff }, { 0x835, 0x1f7ff }, { 0x836, 0x1f7ff }, { 0x837, 0x110ff } };
	begin();
	for (auto &b : bits) {
		for (unsigned bit = 0; bit < 64; bit++) {
			bool gp = avic_msr_access(b.msr, true, 1ull << bit, 0) == AVIC_GP;
			CHECK(gp == !((b.allowed >> bit) & 1), "MSR %x bit %u", b.msr, bit);
		}
	}
	CHECK(avic_msr_access(0x830, true, 0x1000, AVIC_QUIRK_ICR) == AVIC_GP, "ICR.BUSY with the quirk");
	end("x2AVIC: reserved bits");

	begin();
	CHECK(avic_noaccel_info1(0x35c, false) == 0x350, "read");
	CHECK(avic_noaccel_info1(0xfff, true) == 0x100000ff0ull, "write");
	end("AVIC_NOACCEL: EXITINFO1");
}

// ---- VMRUN ----

static const char *entry(bool avic, bool x2, bool np, uint64_t backing, uint64_t logical, uint64_t physical, avic_guest *g)
{
	avic_entry e;
	e.avic = avic;
	e.x2avic = x2;
	e.nested_paging = np;
	e.backing = backing;
	e.logical = logical;
	e.physical = physical;
	return avic_check_entry(&e, 40, g);
}

static void test_entry()
{
	avic_guest g;
	const uint64_t b = 0x5000, l = 0x6000, p = 0x7000, far_ = 1ull << 40;

	begin();
	CHECK(!entry(true, false, true, b, l, p | 254, &g) && !g.x2avic && g.backing == b && g.logical_table == l &&
		g.physical_table == p && g.max_index == 254, "xAVIC");
	CHECK(!entry(true, true, true, b, l, p | 511, &g) && g.x2avic && g.max_index == 511, "x2AVIC");
	CHECK(!entry(false, false, false, far_, far_, far_ | 0xfff, &g), "no AVIC: nothing is looked at");
	CHECK(!entry(true, false, true, 0xfff0000000005fffull, l | 0xfff, p, &g) && g.backing == b && g.logical_table == l,
		"bits 63:52 and 11:0 are no part of an address");
	end("VMRUN: accepted");

	begin();
	CHECK(entry(false, true, true, b, l, p, &g), "x2AVIC without AVIC");
	CHECK(entry(true, false, false, b, l, p, &g), "no nested paging");
	for (unsigned n = 0; n < 4096; n++) {
		CHECK((entry(true, false, true, b, l, p | n, &g) != 0) == (n > 255), "xAVIC max index %u", n);
		CHECK((entry(true, true, true, b, l, p | n, &g) != 0) == (n > 511), "x2AVIC max index %u", n);
	}
	CHECK(entry(true, false, true, far_, l, p, &g), "backing page");
	CHECK(entry(true, false, true, b, far_, p, &g), "logical table");
	CHECK(entry(true, false, true, b, l, far_, &g), "physical table");
	CHECK(entry(true, true, true, far_, l, p, &g), "x2AVIC backing page");
	CHECK(entry(true, true, true, b, l, far_, &g), "x2AVIC physical table");
	CHECK(!entry(true, true, true, b, far_, p, &g), "x2AVIC does not use the logical table");
	end("VMRUN: refused");
}

// ---- priorities ----

static void test_priority()
{
	const uint64_t page = 0x9000;

	begin();
	for (unsigned tpr = 0; tpr < 256; tpr += 3) {
		for (int isr = -1; isr < 256; isr += 7) {
			for (int irr = 15; irr < 256; irr += 5) {
				bus_t bus;
				bus.write32(page + 0x80, tpr);
				if (isr >= 0)
					bus.write32(page + 0x100 + (isr / 32) * 16, 1u << (isr % 32));
				if (irr > 15)
					bus.write32(page + 0x200 + (irr / 32) * 16, 1u << (irr % 32));
				unsigned isr_class = isr < 0 ? 0 : isr / 16;
				unsigned ppr = tpr / 16 >= isr_class ? tpr : isr_class * 16;
				bool deliver = irr > 15 && unsigned(irr) / 16 > ppr / 16;
				int got = avic_evaluate(&bus, page, tpr / 16);
				CHECK(got == (deliver ? irr : -1), "TPR %02x ISR %d IRR %d: %d", tpr, isr, irr, got);
				CHECK(bus.read32(page + 0xa0) == ppr, "TPR %02x ISR %d: PPR %02x", tpr, isr, bus.read32(page + 0xa0));
			}
		}
	}
	end("PPR, and the IRR against it");

	begin();
	for (unsigned v_tpr = 0; v_tpr < 16; v_tpr++) {
		bus_t bus;
		bus.write32(page + 0x80, 0x57); // stale: VMRUN does not synchronize
		bus.write32(page + 0x220, 1u << 9); // vector 73, class 4
		CHECK(avic_evaluate(&bus, page, v_tpr) == (v_tpr < 4 ? 73 : -1), "V_TPR %u", v_tpr);
		CHECK(bus.read32(page + 0xa0) == (v_tpr == 5 ? 0x57 : v_tpr * 16), "PPR of V_TPR %u", v_tpr);
	}
	end("V_TPR decides, not a stale TPR");

	begin();
	{
		bus_t bus;
		bus.write32(page + 0x200, 1u << 20);
		bus.write32(page + 0x270, (1u << 31) | (1u << 5));
		CHECK(avic_highest_vector(&bus, page, AVIC_REG_IRR) == 255, "highest");
		CHECK(avic_acknowledge(&bus, page, 0) == 255, "first");
		CHECK(bus.read32(page + 0x270) == 1u << 5 && bus.read32(page + 0x170) == 1u << 31, "IRR to ISR");
		CHECK(bus.read32(page + 0xa0) == 0xf0, "PPR follows");
		CHECK(avic_acknowledge(&bus, page, 0) == -1, "229 waits for 255");
		CHECK(avic_eoi(&bus, page) == -1 && bus.read32(page + 0x170) == 0, "EOI");
		CHECK(avic_acknowledge(&bus, page, 0) == 229, "then 229");
		CHECK(avic_acknowledge(&bus, page, 15) == -1, "TPR keeps 20 out");
		avic_eoi(&bus, page);
		CHECK(avic_acknowledge(&bus, page, 0) == 20, "last 20");
		avic_eoi(&bus, page);
		CHECK(avic_eoi(&bus, page) == -1 && avic_highest_vector(&bus, page, AVIC_REG_ISR) == -1, "nothing in service");
	}
	end("acknowledge and edge EOI, in order");

	begin();
	for (int v = 16; v < 256; v++) {
		bus_t bus;
		avic_set_vector(&bus, page, AVIC_REG_ISR, v, true);
		avic_set_vector(&bus, page, AVIC_REG_TMR, v, true);
		if (v > 40) // a lower one in service, edge
			avic_set_vector(&bus, page, AVIC_REG_ISR, 33, true);
		CHECK(avic_eoi(&bus, page) == v, "vector %d", v);
		CHECK(avic_test_vector(&bus, page, AVIC_REG_ISR, v), "ISR of %d is the hypervisor's", v);
	}
	end("level EOI traps with its vector, ISR unchanged");
}

// ---- IPIs ----

static void test_ipi_refused()
{
	begin();
	for (unsigned x2 = 0; x2 < 2; x2++) {
		for (unsigned mode = 0; mode < 8; mode++) {
			for (unsigned level = 0; level < 2; level++) {
				for (unsigned sh = 0; sh < 4; sh++) {
					for (unsigned v = 0; v < 48; v++) {
						vm_t vm(x2, 0, 3);
						for (unsigned n = 0; n < 4; n++)
							vm.entry(n, true, true, n);
						vm.send(v | mode << 8 | level << 15 | sh << 18 | 1 << 14, x2 ? 1 : 1 << 24, &ipi);
						int want = mode || level ? 0 : v < 16 ? 4 : -1;
						CHECK(ipi.exit == want, "mode %u level %u vector %u: %d", mode, level, v, ipi.exit);
						if (want >= 0)
							CHECK(vm.bus.bells.empty() && !vm.bus.writes, "something was delivered");
					}
				}
			}
		}
	}
	end("only Fixed, edge, vector 16 and up");

	// Every value of bits 19:8 against an oracle that takes the fields apart; three vCPUs and the sender, 0.
	begin();
	for (unsigned x2 = 0; x2 < 2; x2++) {
		for (unsigned high = 0; high < 1u << 12; high++) {
			const unsigned mode = high & 7, logical = (high >> 3) & 1, level = (high >> 7) & 1, sh = (high >> 10) & 3;
			const unsigned want_exit = mode || level ? 0 : ~0u;
			std::set<unsigned> want, got;
			vm_t vm(x2, 0, 3);
			for (unsigned n = 0; n < 4; n++)
				vm.entry(n, true, true, n);
			vm.logical(1, 3, true);
			vm.send(high << 8 | 0x40, x2 ? 2 : 2u << 24, &ipi);
			if (want_exit == ~0u) {
				for (unsigned n = 0; n < 4; n++) {
					bool addressed = logical ? (x2 ? n == 1 : n == 3) : n == 2;
					if (sh == 0 ? addressed : sh == 1 ? n == 0 : sh == 2 || n != 0)
						want.insert(n);
				}
			}
			for (unsigned n = 0; n < 4; n++)
				if (vm.irr(n, 0x40))
					got.insert(n);
			CHECK((unsigned)ipi.exit == want_exit, "ICR %05x40: exit %d", high, ipi.exit);
			CHECK(got == want, "ICR %05x40: %zu targets of %zu", high, got.size(), want.size());
			CHECK(vm.bus.bells.size() == (sh == 1 ? 0 : want.size()), "ICR %05x40: doorbells", high);
		}
	}
	end("every delivery mode, destination mode, trigger and shorthand, xAVIC and x2AVIC");

	// The last index itself is a processor, the next one is none: directed, logical, broadcast.
	begin();
	for (unsigned x2 = 0; x2 < 2; x2++) {
		static const unsigned limits[] = { 0, 1, 7, 14, 15, 16, 62, 254, 255, 256, 510, 511 };
		for (unsigned max : limits) {
			if (!x2 && max > 255)
				continue;
			vm_t vm(x2, 0, max);
			for (unsigned n = 0; n < 512; n++)
				vm.entry(n, true, true, n & 0xff);
			if (x2 || max != 255) {
				vm.send(0x4041, x2 ? max : max << 24, &ipi);
				CHECK(ipi.exit < 0 && vm.irr(max, 0x41), "destination %u is the last", max);
			}
			if (x2 || max < 254) {
				vm.send(0x4042, x2 ? max + 1 : (max + 1) << 24, &ipi);
				CHECK(ipi.exit == 2 && ipi.exit_index == max + 1 && !vm.bus.writes, "destination %u is beyond", max + 1);
			}
			for (unsigned k = max; k <= max + 1; k++) {
				vm.logical(0, k & 0xff, true);
				vm.send(0x4843, x2 ? (k / 16) << 16 | 1u << k % 16 : 1u << 24, &ipi);
				if (x2 || k < 256)
					CHECK((ipi.exit < 0) == (k == max), "logical destination %u of %u: %d", k, max, ipi.exit);
			}
			vm.send(0x4044, x2 ? 0xffffffff : 0xffu << 24, &ipi);
			vm.send(0x4845, x2 ? 0xffffffff : 0xffu << 24, &ipi); // logical: all ones is the broadcast, too
			vm.send(0x4046 | 2 << 18, 0, &ipi);
			for (unsigned n = 0; n < 512; n++) {
				bool in = n <= max && (x2 || n != 255);
				CHECK(vm.irr(n, 0x44) == in && vm.irr(n, 0x45) == in && vm.irr(n, 0x46) == in, "broadcast, max %u: %u", max, n);
			}
		}
	}
	end("maximum index: the last entry and the one after it");

	begin();
	CHECK(avic_incomplete_info1(0x12345678, 0x9abcdef0) == 0x9abcdef012345678ull, "EXITINFO1");
	CHECK(avic_incomplete_info2(2, 0x1ff) == 0x2000001ffull, "EXITINFO2");
	CHECK(avic_incomplete_info2(1, 0x12345) == 0x100000345ull, "index has 12 bits");
	end("AVIC_INCOMPLETE_IPI: EXITINFO1 and 2");

	begin();
	for (unsigned x2 = 0; x2 < 2; x2++) {
		unsigned max = x2 ? 300 : 100;
		vm_t vm(x2, 0, max);
		for (unsigned n = 0; n < 512; n++)
			vm.entry(n, n != 7, true, n);
		for (unsigned n = 0; n < (x2 ? 512u : 255u); n++) {
			vm.send(0x4050, x2 ? n : n << 24, &ipi);
			bool ok = n <= max && n != 7;
			CHECK(ipi.exit == (ok ? -1 : 2), "destination %u: %d", n, ipi.exit);
			CHECK(ok ? vm.irr(n, 0x50) && vm.bus.bells.size() == 1 && vm.bus.bells[0] == n :
				ipi.exit_index == n && !vm.irr(n, 0x50) && !vm.bus.writes, "destination %u", n);
		}
	}
	end("physical: entry beyond the max index or not valid is ID 2 and changes nothing");

	begin();
	{
		vm_t vm(false, 0, 9);
		for (unsigned n = 0; n < 10; n++)
			vm.entry(n, true, true, n);
		vm.bus.bad_page = page_of(4);
		vm.send(0x4050, 4 << 24, &ipi);
		CHECK(ipi.exit == 3 && ipi.exit_index == 4 && !vm.bus.writes, "physical %d", ipi.exit);
		vm.send(0x4050 | 2 << 18, 0, &ipi);
		CHECK(ipi.exit == 3 && ipi.exit_index == 4, "broadcast %d", ipi.exit);
		vm.logical(2, 4, true);
		vm.logical(0, 1, true);
		vm.send(0x4850, 0x05 << 24, &ipi);
		CHECK(ipi.exit == 3 && ipi.exit_index == 2 && !vm.bus.writes, "logical %d", ipi.exit);
	}
	end("backing page outside of memory is ID 3");

	begin();
	{
		vm_t vm(false, 0, 9);
		for (unsigned n = 0; n < 10; n++)
			vm.entry(n, true, true, n);
		for (unsigned n = 0; n < 7; n++)
			vm.logical(n, n, true);
		vm.send(0x4850, 0xc1u << 24, &ipi); // members 0, 6 and 7, which is nobody
		CHECK(ipi.exit == 2 && ipi.exit_index == 7 && !vm.bus.writes && vm.bus.bells.empty(), "flat, entry not valid: %d", ipi.exit);
		vm.logical(7, 200, true);
		vm.send(0x4850, 0x81u << 24, &ipi);
		CHECK(ipi.exit == 2 && ipi.exit_index == 7 && !vm.bus.writes, "flat, beyond the max index: %d", ipi.exit);
		vm.send(0x4850, 0, &ipi);
		CHECK(ipi.exit == 2, "nobody");
		vm.bus.mem[vm.g.backing + 0xe0] = 0x0fffffff;
		vm.send(0x4850, 0xf1u << 24, &ipi);
		CHECK(ipi.exit == 2 && !vm.bus.writes, "cluster 15");
	}
	end("logical: a target that is not valid is ID 2 with the index of the logical table");
}

static void test_ipi_delivery()
{
	begin();
	for (unsigned v = 16; v < 256; v++) {
		vm_t vm(false, 2, 3);
		for (unsigned n = 0; n < 4; n++)
			vm.entry(n, true, true, 0x10 + n);
		avic_set_vector(&vm.bus, page_of(1), AVIC_REG_TMR, v, true);
		vm.send(v, 1 << 24, &ipi);
		CHECK(ipi.exit < 0 && vm.irr(1, v) && !vm.tmr(1, v), "vector %u", v);
		CHECK(!vm.irr(0, v) && !vm.irr(2, v) && !vm.irr(3, v), "others");
		CHECK(vm.bus.bells.size() == 1 && vm.bus.bells[0] == 0x11, "doorbell");
	}
	end("IRR set, TMR cleared, doorbell to the host ID, nobody else");

	begin();
	{
		vm_t vm(false, 0, 2);
		vm.entry(1, true, true, 0xabc);
		vm.send(0x4050, 1 << 24, &ipi);
		CHECK(vm.bus.bells.size() == 1 && vm.bus.bells[0] == 0xabc, "host ID of 12 bits");
	}
	end("host APIC ID of 12 bits");

	begin();
	for (unsigned x2 = 0; x2 < 2; x2++) {
		vm_t vm(x2, 2, 3);
		for (unsigned n = 0; n < 4; n++)
			vm.entry(n, true, n != 2, n);
		vm.send(0x40050 | 1 << 18, 0, &ipi);
		CHECK(ipi.exit < 0 && ipi.self && vm.irr(2, 0x50), "self");
		CHECK(!vm.irr(0, 0x50) && !vm.irr(1, 0x50) && !vm.irr(3, 0x50) && vm.bus.bells.empty(), "only self");
	}
	end("self IPI: only the sender, IsRunning is not looked at");

	begin();
	{
		vm_t vm(false, 0, 5);
		for (unsigned n = 0; n < 6; n++)
			vm.entry(n, true, n != 3 && n != 5, n);
		vm.send(0x4050, 3 << 24, &ipi);
		CHECK(ipi.exit == 1 && ipi.exit_index == 3 && vm.irr(3, 0x50) && vm.bus.bells.empty(), "physical %d", ipi.exit);
		vm.logical(0, 1, true);
		vm.logical(6, 5, true);
		vm.send(0x4851, 0x41 << 24, &ipi);
		CHECK(ipi.exit == 1 && ipi.exit_index == 6, "logical: index %u", ipi.exit_index);
		CHECK(vm.irr(1, 0x51) && vm.irr(5, 0x51) && vm.bus.bells.size() == 1 && vm.bus.bells[0] == 1, "the others get it");
		vm.send(0x4052 | 3 << 18, 0, &ipi);
		CHECK(ipi.exit == 1 && vm.bus.bells.size() == 3, "all but self: %d", ipi.exit);
		for (unsigned n = 0; n < 6; n++)
			CHECK(vm.irr(n, 0x52) == (n != 0), "all but self, %u", n);
	}
	end("a target that does not run: IRR of all, doorbells to the running, then ID 1");

	begin();
	for (unsigned x2 = 0; x2 < 2; x2++) {
		unsigned max = x2 ? 511 : 255;
		vm_t vm(x2, 5, max);
		for (unsigned n = 0; n < 512; n++)
			vm.entry(n, n % 3 != 0, true, n); // invalid entries are passed over
		vm.send(0x4060, x2 ? 0xffffffff : 0xffu << 24, &ipi);
		CHECK(ipi.exit < 0, "exit %d", ipi.exit);
		for (unsigned n = 0; n < 512; n++)
			CHECK(vm.irr(n, 0x60) == (n % 3 != 0 && n <= max && (x2 || n != 255)), "destination all ones: %u", n);
		vm.send(0x4061 | 2 << 18, 0, &ipi);
		vm.send(0x4062 | 3 << 18, 0, &ipi);
		for (unsigned n = 0; n < 512; n++) {
			bool in = n % 3 != 0 && n <= max && (x2 || n != 255);
			CHECK(vm.irr(n, 0x61) == in, "all: %u", n);
			CHECK(vm.irr(n, 0x62) == (in && n != 5), "all but self: %u", n);
		}
	}
	{
		vm_t vm(true, 0, 511);
		for (unsigned n = 0; n < 512; n++)
			vm.entry(n, true, true, n);
		vm.send(0x4060, 0xff, &ipi);
		CHECK(ipi.exit < 0 && vm.irr(255, 0x60) && !vm.irr(1, 0x60) && ipi.count == 1, "x2AVIC: 255 is a processor");
	}
	end("broadcasts: destination, all, all but self; up to the max index");
}

// The oracle: every virtual processor knows its ID and its LDR and decides for itself.
static uint32_t seed = 1;
static uint32_t rnd(uint32_t n) { seed = seed * 1664525u + 1013904223u; return (seed >> 8) % n; }

static void test_logical()
{
	static const char *name[] = { "logical flat against every processor's own decision",
		"logical cluster against every processor's own decision", "x2AVIC logical against every processor's own decision" };

	for (unsigned mode = 0; mode < 3; mode++) {
		begin();
		for (unsigned round = 0; round < 3000; round++) {
			const bool x2 = mode == 2;
			const unsigned n = mode == 0 ? 8 : mode == 1 ? 60 : 64;
			unsigned id_of[64], sender = rnd(n);
			vm_t vm(x2, sender, 63);
			vm.bus.mem[vm.g.backing + 0xe0] = mode == 1 ? 0x0fffffff : 0xffffffff;
			// logical member k belongs to processor id_of[k]: a rotation, so that they differ
			for (unsigned k = 0; k < n; k++) {
				id_of[k] = x2 ? k : (k + 3) % n;
				vm.entry(id_of[k], true, true, id_of[k]);
				if (!x2)
					vm.logical(k, id_of[k], true);
			}
			uint32_t dest = x2 ? rnd(4) << 16 | (1 + rnd(0xffff)) : mode ? rnd(15) << 4 | (1 + rnd(15)) : 1 + rnd(254);
			std::set<unsigned> want, got;
			for (unsigned k = 0; k < n; k++) {
				bool hit;
				if (mode == 0)
					hit = (dest & (1u << k)) != 0;
				else if (mode == 1)
					hit = (dest >> 4) == k / 4 && (dest & (1u << (k % 4)));
				else
					hit = (dest >> 16) == id_of[k] / 16 && (dest & (1u << (id_of[k] % 16)));
				if (hit)
					want.insert(id_of[k]);
			}
			vm.send(0x4870, x2 ? dest : dest << 24, &ipi);
			for (unsigned k = 0; k < n; k++)
				if (vm.irr(id_of[k], 0x70))
					got.insert(id_of[k]);
			CHECK(ipi.exit < 0 && got == want, "destination %x: %zu of %zu, exit %d", dest, got.size(), want.size(), ipi.exit);
			CHECK(vm.bus.bells.size() == want.size(), "doorbells of %x", dest);
		}
		end(name[mode]);
	}

	begin();
	{
		vm_t vm(true, 0, 40);
		for (unsigned n = 0; n <= 40; n++)
			vm.entry(n, true, n != 33, n);
		vm.send(0x4870, 2 << 16 | 0x3, &ipi);
		CHECK(ipi.exit == 1 && ipi.exit_index == 33 && vm.irr(32, 0x70), "not running: index %u", ipi.exit_index);
		vm.send(0x4871, 2 << 16 | 0x200, &ipi); // 41
		CHECK(ipi.exit == 2 && ipi.exit_index == 41, "beyond: %d", ipi.exit);
		vm.send(0x4872, 0x1000 << 16 | 1, &ipi);
		CHECK(ipi.exit == 2 && !vm.bus.writes, "far cluster");
	}
	end("x2AVIC logical: indices and limits");
}

int main()
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n");
	test_mmio();
	test_msr();
	test_entry();
	test_priority();
	test_ipi_refused();
	test_ipi_delivery();
	test_logical();
	printf("1..%d\n", number);
	return failed != 0;
}
