/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A vCPU that is created while others are asked to stop using something: kvm_vm_ioctl_create_vcpu(), KVM_RUN on a file descriptor
 * that was guessed, and whoever replaces something, makes a request to all vCPUs that can be found, waits and frees the old one.
 * The vCPU never is in the guest with what has been freed.
 *
 * mutant RUN_EARLY     the vCPU can run as soon as it has a file descriptor
 * mutant NO_REFRESH    the first run goes by what the vCPU found when it was created
 */
bool mutex;			/* vcpu->mutex */
bool fd, online, request;
bool in_guest;			/* vcpu->mode */
bool entered;			/* really */
byte current, mine;		/* what is in use, and what the vCPU uses */
byte freed = 255;

inline lock() { atomic { !mutex -> mutex = true } }

active proctype creator()
{
	mine = current;
#ifndef RUN_EARLY
	lock();
#endif
	fd = true;
	online = true;
#ifndef RUN_EARLY
	mutex = false
#endif
}

inline run_vcpu(first)
{
	lock();
	do
	:: true ->
#ifndef NO_REFRESH
		if
		:: first -> mine = current
		:: else
		fi;
#endif
		if
		:: request -> request = false; mine = current
		:: else
		fi;
		in_guest = true;
		/* A full barrier: either the request is seen, or the vCPU is waited for. */
		if
		:: request -> in_guest = false
		:: else -> break
		fi
	od;
	entered = true;
	assert(mine != freed);
	assert(mine != freed);
	entered = false;
	in_guest = false;
	mutex = false
}

active proctype user()
{
	fd;
	run_vcpu(true);
	run_vcpu(false)
}

active proctype changer()
{
	byte old = current;

	current = 1;
	if
	:: online -> request = true; !in_guest
	:: else
	fi;
	freed = old
}
