// SPDX-License-Identifier: GPL-2.0-only
/*
 * What KVM says of APICv in debugfs and by tracing.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "apicv.h"

#define TRACEFS	"/sys/kernel/tracing/"
#define EVENT	"kvm_apicv_inhibit_changed"

static FILE *debugfs_open(struct kvm_vm *vm, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/%s",
		 getpid(), vm->fd, name);
	return fopen(path, "r");
}

static FILE *apicv_open(struct kvm_vm *vm)
{
	return debugfs_open(vm, "apicv");
}

void apicv_print(struct kvm_vm *vm)
{
	FILE *f = apicv_open(vm);
	char line[512];

	if (!f)
		return;

	while (fgets(line, sizeof(line), f))
		fputs(line, stdout);
	fclose(f);
}

/* Find the line that starts with @start and return what follows, "" if none. */
static void apicv_read(struct kvm_vm *vm, const char *start, char *rest, size_t size)
{
	FILE *f = apicv_open(vm);
	char line[512];

	__TEST_REQUIRE(f, "KVM doesn't tell in debugfs what inhibits APICv");

	*rest = '\0';
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, start, strlen(start))) {
			snprintf(rest, size, "%s", line + strlen(start));
			break;
		}
	}
	fclose(f);
}

static void __apicv_expect_reasons(struct kvm_vm *vm, const char *reasons, int polls)
{
	char got[512], want[512];

	snprintf(want, sizeof(want), *reasons ? "off %s" : "on", reasons);
	for (;;) {
		apicv_read(vm, "apicv: ", got, sizeof(got));
		if (!strcmp(got, want) || !polls--)
			break;
		usleep(1000);
	}
	TEST_ASSERT(!strcmp(got, want), "APICv is '%s', expected '%s'", got, want);
}

void apicv_expect_reasons(struct kvm_vm *vm, const char *reasons)
{
	__apicv_expect_reasons(vm, reasons, 0);
}

void apicv_await_reasons(struct kvm_vm *vm, const char *reasons)
{
	__apicv_expect_reasons(vm, reasons, 2000);
}

void apicv_expect_vcpu(struct kvm_vm *vm, uint32_t vcpu_id, const char *state)
{
	char start[32], got[512];

	snprintf(start, sizeof(start), "vcpu %u: ", vcpu_id);
	apicv_read(vm, start, got, sizeof(got));
	TEST_ASSERT(!strcmp(got, state), "vCPU %u is '%s', expected '%s'",
		    vcpu_id, got, state);
}

void apicv_expect_cause(struct kvm_vm *vm, const char *cause)
{
	char start[128], got[512];

	snprintf(start, sizeof(start), "%.*s", (int)strcspn(cause, ":") + 1, cause);
	apicv_read(vm, start, got, sizeof(got));
	TEST_ASSERT(!strcmp(got, cause + strlen(start)), "'%s%s', expected '%s'",
		    start, got, cause);
}

bool apicv_has_reason(struct kvm_vm *vm, const char *reason)
{
	char got[512], word[64];

	snprintf(word, sizeof(word), " %s", reason);
	apicv_read(vm, "apicv: ", got, sizeof(got));
	return strstr(got, word);
}

uint64_t vm_exits(struct kvm_vm *vm)
{
	FILE *f = debugfs_open(vm, "exits");
	uint64_t n;

	TEST_ASSERT(f && fscanf(f, "%lu", &n) == 1, "Failed to read a VM's exits");
	fclose(f);
	return n;
}

static void trace_write(const char *name, const char *value)
{
	FILE *f = fopen(name, "w");

	TEST_ASSERT(f && fputs(value, f) >= 0, "%s: %s", name, strerror(errno));
	fclose(f);
}

void apicv_trace_start(void)
{
	TEST_REQUIRE(!access(TRACEFS "events/kvm/" EVENT, F_OK));
	trace_write(TRACEFS "trace", "");
	trace_write(TRACEFS "events/kvm/" EVENT "/enable", "1");
}

unsigned int apicv_trace_stop(void)
{
	unsigned int nr_events = 0;
	char line[512];
	FILE *f;

	trace_write(TRACEFS "events/kvm/" EVENT "/enable", "0");
	f = fopen(TRACEFS "trace", "r");
	TEST_ASSERT(f, "%s: %s", TRACEFS "trace", strerror(errno));
	while (fgets(line, sizeof(line), f))
		nr_events += !!strstr(line, EVENT ":");
	fclose(f);
	return nr_events;
}

void apicv_await_cleared(struct kvm_vm *vm, const char *reason)
{
	FILE *f = apicv_open(vm);
	int polls = 2000;

	if (!f)
		return;

	fclose(f);
	while (apicv_has_reason(vm, reason) && polls--)
		usleep(1000);
}
