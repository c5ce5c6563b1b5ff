/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The APIC-access page is zapped without a TLB flush, each vCPU flushes by itself when it handles KVM_REQ_APICV_UPDATE:
 * __kvm_set_or_clear_apicv_inhibit(), kvm_apic_access_zap(), kvm_apic_access_updated() and vcpu_enter_guest(). In between the
 * page may be freed: the MMU notifier finds no SPTE, and has nothing to flush. No vCPU may use a page that was freed.
 *
 * mutant ZAP_FIRST    the page is zapped before the vCPUs are out of the guest
 * mutant NO_WAIT      the request doesn't wait for vCPUs to leave the guest
 * mutant SEQ_FIRST    the vCPU looks at flush_seq before it waits for apicv_update_lock
 * mutant NO_SEQ       the zap doesn't increment flush_seq
 * mutant CHECK_FIRST  the vCPU looks at its requests before it sets its mode
 */
#define VCPUS	2
#define CHANGES	3
#define MOVES	2

byte page = 1;			/* the page that is there now, another one after each move */
byte spte;			/* the page that is mapped, 0: none */
byte flush_seq;
bool update_lock;		/* apicv_update_lock, held for write */
bool in_guest[VCPUS];
bool request[VCPUS];		/* KVM_REQ_APICV_UPDATE */
byte tlb[VCPUS];		/* the page that the CPU has cached, 0: none */

inline handle_request()
{
	request[_pid] = false;
#ifdef SEQ_FIRST
	now_seq = flush_seq;
	!update_lock;
#else
	atomic { !update_lock -> now_seq = flush_seq }
#endif
	if
	:: now_seq != seq -> tlb[_pid] = 0; seq = now_seq
	:: else
	fi
}

active [VCPUS] proctype vcpu()
{
	byte seq, now_seq;

end:	do
	:: request[_pid] -> handle_request()
#ifdef CHECK_FIRST
	:: !request[_pid] -> in_guest[_pid] = true;
		if
		:: true ->
#else
	:: in_guest[_pid] = true;
		if
		:: request[_pid]
		:: !request[_pid] ->
#endif
			/* In the guest, a fault included. */
			if
			:: tlb[_pid] == 0 -> atomic { if :: spte == 0 -> spte = page :: else fi; tlb[_pid] = spte }
			:: else
			fi;
			assert(tlb[_pid] == page)
		fi;
		in_guest[_pid] = false
	od
}

inline make_requests()
{
	i = 0;
	do
	:: i < VCPUS -> request[i] = true; i++
	:: else -> break
	od;
#ifndef NO_WAIT
	i = 0;
	do
	:: i < VCPUS -> !in_guest[i]; i++
	:: else -> break
	od
#endif
}

inline zap()
{
	atomic {
		if
		:: spte != 0 -> spte = 0;
#ifndef NO_SEQ
			flush_seq++
#endif
		:: else
		fi
	}
}

active proctype change()
{
	byte i, n;

	for (n : 1 .. CHANGES) {
		update_lock = true;
#ifdef ZAP_FIRST
		zap();
		make_requests();
#else
		make_requests();
		zap();
#endif
		update_lock = false
	}
}

/* If there is an SPTE it's zapped, and all TLBs are flushed while no vCPU is in the guest. If there is none, that's all. */
active proctype notifier()
{
	byte n;

	for (n : 1 .. MOVES) {
		atomic {
			if
			:: spte == 0 -> page++
			:: spte != 0 && !in_guest[0] && !in_guest[1] -> spte = 0; tlb[0] = 0; tlb[1] = 0; page++
			fi
		}
	}
}
