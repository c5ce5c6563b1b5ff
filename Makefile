# SPDX-License-Identifier: GPL-2.0
# Two commands: make run, make test. The rest: make help.
# Variables: ENGINE=, ENGINES=, TESTS=, STAGES=, CPUS=, KERNEL=, APPEND= (kernel arguments), TOPIC=, TOPICS=, LINUX=, B= (the base: 6.1, 6.12, 7.3), SOURCES= (a folder of its source), KUT= (a built kvm-unit-tests), BUILD= (where everything is built), PREV=, VERSION=, CONFIG=, SEED=, PROGRAMS=, LIMIT= (at the verbs that have them)

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export ENGINE ENGINES CPUS LINUX B SOURCES KUT BUILD APPEND PREV TOPIC TOPICS CONFIG
KERNEL ?= patched

# Unset is not the same as empty for the scripts.
$(foreach v,ENGINE ENGINES CPUS LINUX B SOURCES KUT BUILD APPEND PREV TOPIC TOPICS CONFIG,$(if $($v),,$(eval unexport $v)))

## run        from a fresh machine to the table: patched kernel, KUnit and selftests on emulated hosts   20 min, again 2 min
run:
	@scripts/run

## test       everything that CI checks; the last line is 'N passed, N failed, N skipped'                60 min
##              STAGES=check tooling models kernel bisect kunit lab units mutants bare-mutants ipi guest host control fuzz kasan v6.12 v7.3
test:
	@scripts/test $(STAGES)

## test-long  what takes too long for every change; STAGES= one or some of (estimated for two idle cores):   4 h
##              control-v1 12 min, hybrid 1 min, erratum 3 min, variants (ten runs of v6.1) 11 min,
##              variants-6.12 (its kernel 10 min, nine runs 12 min),
##              cost (instructions of the hooks) 8 min, debug (lockdep, failing allocations) 20 min,
##              kcsan (data races in KVM, qemu-svm) its kernel 8 min, runs 6 min on busy cores,
##              ipiv-long (a million IPIs), apic-long (thousands of inhibits), tdp-mmu-off (zaps of shadow pages) 1 min,
##              fuzz-long (2000 programs of make fuzz on each engine, and with APICv and AVIC off) an hour,
##              topics (each one without those that it doesn't need) 20 min on busy cores,
##              host-modules (ENGINE=host and kvm in a Debian on emulated hosts, KVM as modules): its kernel 8 min, runs 15 min on busy cores
##              deb (packages of make deb, installed and booted in a Debian), avic (AVIC in guests of Debian's QEMU, base and patched) 15 min,
##              stock (QEMU's default machines, SeaBIOS and OVMF, irqchip on and split, boot Debian's kernel on each engine) 12 min,
##              inhibits (the tests of AVIC where the CPU has no x2AVIC, where it has erratum 1235, and where AVIC is off) 4 min,
##              memtypes (types that change while other CPUs use the memory: base, series and version 1 on four CPUs) 2 min
test-long:
	@scripts/test --long $(STAGES)

## test-all   a complete run of each base, or of B=, which is recorded: make test does less of what hasn't changed since    an hour for a base
##              without B= all stages of test and test-long, too
test-all:
	@scripts/test --all $(B)

## base       fetch the base kernel, import it into git; SOURCES=folder: of archives to look into first     1 min
base:
	@scripts/base

## apply      apply the series to the scratch tree; LINUX=/path/to/tree: to a tree of yours;              10 s
##              TOPICS="a b": only these and nothing that they don't need
apply:
	@scripts/apply

## kernel     build a kernel for the emulated hosts; KERNEL=patched|base|topic-NAME|without-COMMIT|v1|modular|debug|kasan|kcsan     7 min, again 15 s
kernel:
	@scripts/kernel $(KERNEL)

## selftests  build the KVM selftests, statically linked                                                  1 min
selftests:
	@scripts/selftests

## kunit      run the KUnit suites with kunit.py under QEMU                                               7 min, again 1 min
kunit:
	@scripts/kunit

## lab        boot one kernel on one engine: ENGINE=qemu-svm|bochs-vmx|bochs-svm KERNEL= TESTS="a b"          1 to 3 min
##              ENGINE=kvm: in a VM of this machine's KVM; ENGINE=host: on this machine itself (Documentation/hardware.md)
##              KUT=folder: kvm-unit-tests that are built there, in guests of QEMU, base and patched                 10 min
lab:
	@$(if $(KUT),tools/lab/kut,scripts/lab) $(or $(ENGINE),$(if $(KUT),bochs-svm,qemu-svm)) $(if $(KUT),,$(KERNEL)) $(TESTS)
	@$(if $(KUT)$(filter host,$(ENGINE)),,scripts/results $(or $(BUILD),build)/$(or $(B),6.1)/results/$(KERNEL)-$(or $(ENGINE),qemu-svm))

## shell      a prompt in an emulated host with the patched kernel: ENGINE=                               20 s
shell:
	@scripts/lab $(or $(ENGINE),qemu-svm) shell

## check      static checks: round trip, checkpatch, coccicheck, shellcheck, spelling, licences           5 min
check:
	@scripts/check

## bisect     every prefix of each topic builds, its end for 32 bits; no new sparse or W=1 report          11 min
bisect:
	@scripts/bisect

## control    negative control: each regression test fails without its fix                                3 min
control:
	@scripts/control

## bench      what the series costs and saves, base and patched in one run                                4 min
bench:
	@tools/bench/run

## bench-long boot OVMF in a guest with non-coherent DMA, base and patched in one run                      11 min, on busy cores
bench-long:
	@tools/bench/run long

## fuzz       random programs of what is done to local APICs, on emulated hosts, judged by a model (Documentation/fuzzing.md);     5 min
##              ENGINES= KERNEL= SEED= PROGRAMS=, or LIMIT= seconds on each engine
fuzz:
	@tools/lab/fuzz/run

## deb        Debian packages of the patched kernel for a host; CONFIG=file: not the running kernel's configuration    47 CPU min and more
deb:
	@scripts/deb

# What these start is Python; the other verbs install it themselves.
report submit-results bases why: python
python:
	@[ -x /usr/bin/python3 ] || { echo "FAILED: there is no python3. Next: sudo apt install python3" >&2; exit 1; }

## report     one HTML page of all results and figures, build/report.html; PREV=old.html: with the differences        1 s
report:
	@scripts/report $(if $(PREV),--against $(PREV))

## submit-results    a folder of this machine's results to hand on, build/submit/NAME, without what tells which machine it was    1 s
submit-results:
	@scripts/submit

## export     write patches/ and the mirrors from the commits of the scratch tree                         2 s
export:
	@scripts/export

## bases      how the files that several bases have differ, and why (patches/differences)                  1 s
bases:
	@scripts/bases

## send       write the mbox of TOPIC= that would be mailed; PREV=commit: with a range-diff to that version    10 s
send:
	@scripts/send

## why        name the KVM backend of this machine; why APICv, AVIC or IPI virtualization is off, for each VM       1 s
why:
	@scripts/preflight && scripts/why

## clean      remove what was built; never a scratch tree with work that was not exported                 1 s
clean:
	@scripts/clean

## help       this list
help:
	@sed -n '3s/^# //p; s/^## //p' Makefile

.PHONY: python run test test-long test-all base apply kernel selftests kunit lab shell check bisect control bench bench-long fuzz deb report submit-results export bases send why clean help
