// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host does with memory of which the guest must not notice anything: the
 * APIC-access page, which KVM has mapped into this process, is unmapped, freed, moved or
 * inaccessible for a moment; memory types are programmed; memory is short and CPUs busy.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "apic.h"
#include "host.h"
#include "machine.h"
#include "model.h"
#include "mtrr.h"
#include "noncoherent_dma.h"
#include "ops.h"

#define PAGE		4096

/* Where KVM has it, NULL if there's none.  apic_fuzz itself shares no single page. */
static void *find_page(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	void *page = NULL;
	char line[256];

	TEST_ASSERT(f, "no /proc/self/maps");
	while (fgets(line, sizeof(line), f))
		if (strstr(line, "rw-s") && strstr(line, "/dev/zero") &&
		    sscanf(line, "%lx-%lx", &start, &end) == 2 && end - start == PAGE)
			page = (void *)start;
	fclose(f);
	return page;
}

/* Not each kernel can do all of that. */
static void set_vm(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	if (fd >= 0 && write(fd, value, 1) != 1)
		perror(path);
	close(fd);
}

static void protect(void *page, int protection)
{
	TEST_ASSERT(!mprotect(page, PAGE, protection), "mprotect()");
}

/* vCPU @i reads its ID while the page can't be accessed: KVM_RUN fails until it can. */
static void take_away(void *page, int i, unsigned int us)
{
	bool is_off = model.apics[i].mode == OFF;
	uint64_t got, want;

	machine_may_fault = true;
	protect(page, PROT_NONE);
	model_run(i);
	command_start(i, is_off ? CMD_NOP : CMD_READ, APIC_ID, 0);
	machine_wake(i);
	pause_us(us);
	protect(page, PROT_READ | PROT_WRITE);
	got = command_finish(i);
	if (!is_off && model_reg(&model.apics[i], APIC_ID, &want) && got != want)
		fail("vCPU %d reads its ID as %lx, not %lx", i, got, want);
}

/* actor, what, how long */
void op_page(const uint16_t *args)
{
	static const int advice[] = {
		MADV_DONTNEED, MADV_REMOVE, MADV_MERGEABLE, MADV_UNMERGEABLE, MADV_COLD, MADV_PAGEOUT,
	};
	unsigned int what = args[1] % (ARRAY_SIZE(advice) + 3);
	void *page = find_page();

	note("page %p: %u", page, what);
	if (!page)
		return;
	if (what < ARRAY_SIZE(advice)) {
		/* Not all of it is in each kernel. */
		if (madvise(page, PAGE, advice[what]) && what < 2)
			fail("madvise(%d) of the APIC-access page: %s", advice[what], strerror(errno));
	} else if (what == ARRAY_SIZE(advice)) {
		set_vm("/proc/sys/vm/compact_memory", "1");
	} else {
		take_away(page, actor(args[0]), args[2] % 3000);
	}
}

static void set_msr(int i, uint32_t msr, uint64_t value)
{
	uint64_t got = execute(i, CMD_WRMSR, msr, value);

	if (got != value)
		fail("vCPU %d reads MSR %x as %lx, not %lx", i, msr, got, value);
}

/* actor, what, which, value */
void op_mtrr(const uint16_t *args)
{
	static const uint8_t types[] = { 0, 1, 4, 5, 6, 6 };
	uint8_t type = types[args[3] % ARRAY_SIZE(types)];
	int i = actor(args[0]), n = args[2] % 8;

	note("vCPU %d: memory types, %u", i, args[1] % 4);
	switch (args[1] % 4) {
	case 0:
		set_msr(i, MTRR_BASE(n), (uint64_t)(args[3] / 8) << 21 | type);
		break;
	case 1:
		set_msr(i, MTRR_MASK(n), 0xfffe00000ull | (args[3] % 2 ? MTRR_MASK_VALID : 0));
		break;
	case 2:
		set_msr(i, MTRR_DEF_TYPE, type | (args[3] / 8 % 4 ? MTRR_DEF_TYPE_E : 0));
		break;
	default:
		execute(i, CMD_CD, args[3] % 2, 0);
	}
}

static struct noncoherent_dma *dma;
static bool is_started;

void dma_stop(void)
{
	if (is_started)
		noncoherent_dma_stop(dma);
	is_started = false;
}

/* on or off */
void op_dma(const uint16_t *args)
{
	bool start = args[0] % 2;

	if (start == is_started || access("/dev/vfio/vfio", R_OK | W_OK))
		return;
	if (!dma)
		dma = noncoherent_dma_open();
	note("non-coherent DMA %d", start);
	if (start)
		noncoherent_dma_start(dma, vm);
	else
		noncoherent_dma_stop(dma);
	is_started = start;
}

static void *hog(void *us)
{
	uint64_t end = now_us() + (unsigned long)us;

	while (now_us() < end)
		;
	return NULL;
}

/* what, how much: KVM's shrinker and all others, memory that somebody else wants, a CPU that somebody else has for some time */
void op_pressure(const uint16_t *args)
{
	size_t size = (1 + args[1] % 16) << 20;
	pthread_t thread;
	void *mem;

	note("pressure: %u", args[0] % 3);
	switch (args[0] % 3) {
	case 0:
		set_vm("/proc/sys/vm/drop_caches", "2");
		break;
	case 1:
		mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		TEST_ASSERT(mem != MAP_FAILED, "mmap()");
		munmap(mem, size);
		break;
	default:
		TEST_ASSERT(!pthread_create(&thread, NULL, hog, (void *)(unsigned long)(args[1] * 10)), "pthread_create()");
		pthread_detach(thread);
	}
}
