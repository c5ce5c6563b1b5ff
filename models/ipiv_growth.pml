/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of IPI virtualization is replaced while a vCPU sends an IPI: ipiv_grow() and vmx_ipiv_reload() in
 * arch/x86/kvm/vmx/ipiv.c against the requests in vcpu_enter_guest(). No CPU may use a table that has been freed.
 *
 * mutant NO_WAIT        the table is freed without waiting for vCPUs in guest mode
 * mutant NO_RECHECK     a vCPU doesn't look for requests again once it is IN_GUEST_MODE
 * mutant FREE_FIRST     the table is freed before the request is made
 * mutant NO_FIRST_LOAD  a new vCPU keeps the table that it was created with
 */
#define OLD 0
#define NEW 1

byte table = OLD;
bool freed[2];
bool online, request, in_guest, kicked;
byte vmcs = OLD;

proctype vcpu()
{
	byte n, entry_of;

	for (n : 1 .. 2) {
enter:		skip;
		/* vmx_ipiv_reload() takes apic_map_lock, which makes this one step. */
		d_step {
			if
			:: request -> request = false; vmcs = table
			:: else
			fi
		}
		in_guest = true;
#ifndef NO_RECHECK
		if
		:: request -> in_guest = false; goto enter
		:: else
		fi;
#endif
		/* The write to the ICR: look the entry up, then use it. The kick waits for the end of the instruction. */
		entry_of = vmcs;
		assert(!freed[entry_of]);
		assert(!freed[entry_of]);
		in_guest = false;
		kicked = false
	}
}

/* The fields are written for the first request only, see init_vmcs(). */
proctype create()
{
#ifdef NO_FIRST_LOAD
	vmcs = table;
#else
	request = true;
#endif
	online = true;
	run vcpu()
}

proctype grow()
{
	bool wait;

	table = NEW;
#ifdef FREE_FIRST
	freed[OLD] = true;
#endif
	if
	:: online ->
		request = true;
		wait = in_guest;
#ifndef NO_WAIT
		kicked = wait;
		!wait || !kicked || !in_guest;
#endif
	:: else
	fi;
	freed[OLD] = true
}

init { atomic { run create(); run grow() } }
