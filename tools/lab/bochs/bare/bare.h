/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests without an operating system share. */
#ifndef BARE_H
#define BARE_H

#include <stdbool.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

extern u8 stubs[], ap_start[], vmx_exit[];
extern u64 pml4[], gdt[];
void vmrun(u64 vmcb);
u64 vmenter(int launch);

static inline void outb(u16 port, u8 v) { asm volatile("outb %0, %1" :: "a"(v), "d"(port)); }
static inline u64 rdmsr(u32 msr) { u32 a, d; asm volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(msr)); return (u64)d << 32 | a; }
static inline void wrmsr(u32 msr, u64 v) { asm volatile("wrmsr" :: "a"((u32)v), "d"((u32)(v >> 32)), "c"(msr) : "memory"); }
static inline u32 rd32(u64 addr) { return *(volatile u32 *)addr; }
static inline void wr32(u64 addr, u32 v) { *(volatile u32 *)addr = v; }
static inline void wr64(u64 addr, u64 v) { *(volatile u64 *)addr = v; }
static inline u64 rd64(u64 addr) { return *(volatile u64 *)addr; }

/* Output is TAP on Bochs' port E9. */
static int number, checks_failed;

static void put(const char *s) { while (*s) outb(0xe9, *s++); }
static void put_hex(u64 v)
{
	for (int i = 60; i >= 0; i -= 4)
		if (v >> i || !i)
			outb(0xe9, "0123456789abcdef"[v >> i & 15]);
}
static void put_dec(unsigned v)
{
	if (v > 9)
		put_dec(v / 10);
	outb(0xe9, '0' + v % 10);
}

/* A check that fails is told at once; the verdict of the test comes with test(). */
static void check_at(bool ok, const char *text, u64 seen)
{
	if (ok)
		return;
	if (!checks_failed++) {
		put("# failed: ");
		put(text);
		put(", seen 0x");
		put_hex(seen);
		put("\n");
	}
}
#define EQ(seen, want) do { u64 s_ = (seen); check_at(s_ == (u64)(want), #seen " == " #want, s_); } while (0)

static void test(const char *name)
{
	put(checks_failed ? "not ok " : "ok ");
	put_dec(++number);
	put(" - ");
	put(name);
	put("\n");
	checks_failed = 0;
}

/* The last line, without which the run counts as failed, and power off. */
static void done(void)
{
	put("1..");
	put_dec(number);
	put("\n");
	for (const char *s = "Shutdown"; *s; s++)
		outb(0x8900, *s);
}

static inline void pause_loops(unsigned n) { while (n--) asm volatile("pause"); }

/* Nothing of the BIOS' devices interrupts a test. */
static void mask_pic(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

/* Gates of all vectors to the stubs. */
static void make_idt(u64 idt)
{
	for (int v = 0; v < 256; v++) {
		u64 stub = (u64)stubs + v * 8;

		wr64(idt + v * 16, (stub & 0xffff) | 8 << 16 | 0x8e00ull << 32 | (stub & 0xffff0000) << 32);
		wr64(idt + v * 16 + 8, stub >> 32);
	}
}

static inline void clear(u64 page)
{
	for (int i = 0; i < 4096; i += 8)
		wr64(page + i, 0);
}
#endif
